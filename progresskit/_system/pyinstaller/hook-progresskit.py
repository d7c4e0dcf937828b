"""PyInstaller's hook: modules that are loaded by name, the parts of pages, and the installed renderers with the metadata that
finds them."""

from importlib.metadata import entry_points

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

hiddenimports = collect_submodules(
    "progresskit", filter=lambda name: not name.startswith("progresskit._system.pyinstaller")
)
datas = collect_data_files("progresskit")  # the parts of pages
for entry in entry_points(group="progresskit.renderers"):
    hiddenimports.append(entry.module)
    if entry.dist is not None:
        datas += copy_metadata(entry.dist.name)
