"""The page of an index made with ConceptEncoder: run by AppTest and, in a browser, by Streamlit."""

import sys
from pathlib import Path

import streamlit as st

from app.page import draw
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder


def open_retriever(index_dir: Path) -> Retriever:
    return Retriever.open(index_dir, ConceptEncoder())


in_test = st.session_state.get("index_dir")
draw(Path(in_test or sys.argv[1]), open_retriever)
