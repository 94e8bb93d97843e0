"""The habilitation matrix of this installation, from the file that the settings name."""

from __future__ import annotations

from schemas.policy.habilitation import HabilitationError, Matrix, read_matrix

from .settings import Settings, SettingsError, variable


def configured_matrix(settings: Settings) -> Matrix | None:
    """The matrix in force; None when none is configured.

    Raises SettingsError when the file cannot be read or is no matrix, and in production when the
    matrix is made up: nobody's rights may rest on an invention.
    """
    path = settings.habilitation_file
    if path is None:
        return None
    name = variable("habilitation_file")
    try:
        matrix = read_matrix(path)
    except OSError as error:
        raise SettingsError([f"{name}: the file cannot be read: {error.strerror}"]) from None
    except HabilitationError as error:
        raise SettingsError([f"{name}: {problem}" for problem in error.problems]) from None
    if matrix.made_up and settings.environment == "production":
        raise SettingsError([f"{name}: the matrix says that it is made up: not in production"])
    return matrix
