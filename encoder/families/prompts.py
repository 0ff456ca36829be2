"""Instructions and templates that several families share."""

RETRIEVE = "Given a question, retrieve passages that answer the question"
WEB_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"
INSTRUCT = "Instruct: {task}\nQuery: {query}"
