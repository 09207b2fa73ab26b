"""REST under `/api/v1`: the use cases of the pages for programs, described by OpenAPI."""
