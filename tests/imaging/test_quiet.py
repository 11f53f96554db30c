import warnings

from hilum.imaging.quiet import ignore_warnings_of


def warn_from(module):
    warnings.warn_explicit("a patient's name", UserWarning, "file.py", 1, module=module)


def test_only_that_package_is_quiet():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ignore_warnings_of("pydicom")
        n_filters = len(warnings.filters)
        ignore_warnings_of("pydicom")
        assert len(warnings.filters) == n_filters
        for module in ("pydicom", "pydicom.valuerep", "pydicomplus", "other"):
            warn_from(module)
    assert len(caught) == 2
