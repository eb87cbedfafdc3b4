"""pkm_env: the environment manager behind the command ``pkm``."""
