"""The lessons as a person meets them: JupyterLab in a real Chromium."""
