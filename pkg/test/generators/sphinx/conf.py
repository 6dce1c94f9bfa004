project = "My docs"
templates_path = ["_templates"]
exclude_patterns = ["out"]
