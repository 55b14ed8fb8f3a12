import shutil


def test_runs_lists_each_run_with_its_results(call):
    call("eval")
    done = call("runs")
    assert done.returncode == 0
    assert done.stderr == ""
    header, row = done.stdout.splitlines()
    assert header.split()[:3] == ["run", "status", "started"]
    assert row.split()[:2] == ["tiny-1", "finished"]
    assert "-" not in row.split()[-4:]


def test_runs_lists_the_others_beside_a_damaged_one(call, tmp_path):
    runs = tmp_path / "runs"
    for name in ("broken-1", "tiny-1"):
        shutil.copytree("runs/tiny-1", runs / name)
    (runs / "broken-1/run.json").write_text('{"status": ')
    done = call("runs", str(runs))
    assert done.returncode == 0
    rows = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert rows == {"run": "status", "broken-1": "damaged", "tiny-1": "finished"}
    assert done.stderr.startswith(f"warning: {runs}/broken-1/run.json is damaged")
    assert done.stderr.count("\n") == 1
