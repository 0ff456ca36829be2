"""hits -> page. Only page.py and launch.py import Streamlit."""
