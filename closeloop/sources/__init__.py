"""From anyone's files to the canonical tables: a source is a folder of one YAML file and SELECTs."""
