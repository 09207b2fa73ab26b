"""Who uses language models: users that are new, returning or dormant, how use is shared, who stays.

Everything comes from one `people(dataset)`, so that figures, charts and tables agree.
"""

from reports.kit.activity.figures import metrics
from reports.kit.activity.people import Groups, People, people
from reports.kit.activity.pictures import daily_actives, lorenz, requests_per_user, retention
from reports.kit.activity.tables import (
    dormant_keys_table,
    movers_tables,
    outliers_table,
    unknown_table,
    users_table,
)
from reports.kit.activity.words import sentences, terms

__all__ = [
    "Groups",
    "People",
    "daily_actives",
    "dormant_keys_table",
    "lorenz",
    "metrics",
    "movers_tables",
    "outliers_table",
    "people",
    "requests_per_user",
    "retention",
    "sentences",
    "terms",
    "unknown_table",
    "users_table",
]
