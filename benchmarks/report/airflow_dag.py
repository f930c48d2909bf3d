"""Does a real Airflow load the DAG of docs/scheduling.md, and does its task run?

    uv run --no-project --python 3.11 --with apache-airflow python benchmarks/report/airflow_dag.py

Prints the schedule, the task and its settings, and how the task ended while another run held the folder of reports.
"""

# ruff: noqa: PLC0415  (Airflow reads its settings when it is imported)

import fcntl
import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "scheduling.md"


def recipe() -> str:
    """Return the code under the heading Airflow, with this checkout in place of the server's folder."""
    text = GUIDE.read_text(encoding="utf-8").partition("## Airflow")[2]
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found, f"{GUIDE}: no python block under Airflow"
    return found[1].replace("/srv/closeloop", str(ROOT))


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        (Path(home) / "dags").mkdir()
        (Path(home) / "dags" / "closeloop_weekly.py").write_text(recipe(), encoding="utf-8")
        with (ROOT / "reports" / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            show(Path(home) / "dags")


def show(folder: Path) -> None:
    """Load the folder as Airflow's scheduler does and run the task's command."""
    import airflow
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import AirflowSkipException

    bag = DagBag(str(folder))
    if bag.import_errors:
        sys.exit(f"Airflow {airflow.__version__} cannot load it: {bag.import_errors}")
    dag = bag.dags["closeloop_weekly"]
    print(f"Airflow {airflow.__version__}: {dag.dag_id}, {dag.schedule}, catchup {dag.catchup}")
    for task in dag.tasks:
        print(
            f"task {task.task_id}: retries {task.retries}, every {task.retry_delay}, skips {task.skip_on_exit_code}"
        )
        try:
            task.execute({})
            print("it ran to its end")
        except AirflowSkipException as skipped:
            print(f"skipped: {skipped}")


if __name__ == "__main__":
    main()
