"""The schemas as files, every version ever used; nothing here imports."""
