"""The sentences of docs/scale.md, which the numbers are filled into."""

from __future__ import annotations

HEAD = (
    "# At any size",
    "What `drills manifest` and `drills verify` take, by the size of a database, and what follows for one of any size. The "
    "tables, the picture and the estimates are written by `benchmarks.growth` from what it has measured, each command as a "
    "process from its start to its end, on a private PostgreSQL of stock settings; no number of this page was typed.",
    "Measured up to {day} on {machine}. **The load of the machine was {low} to {high}** before the commands, and stands "
    "below each table: processors that more want than there are give less to each, and times are that much longer. Each "
    "database was smaller than the memory of the machine, so that these are seconds of processors more than of a disk.",
)
LARGEST = (
    "**The largest that was verified has {size}**: `drills verify` held {peak} MB at most and took {seconds} s at load {load}, "
    "{used} s of processors with the server's; `pg_dump --data-only | sha256sum` of it took {dump} s at load {dump_load}, "
    "{dump_used} s of processors. That is {ratio} times its work, and is every check, not the content alone."
)
LINES = {
    "gigabytes": ""
    "pgbench's four tables, their primary keys included. A row of a table is a phase: what the manifest notes of its parts "
    "(`seconds`), and what `drills verify --json` says of its checks. *Fixed* and *each GB* are the straight line through "
    "the measurements, fixed + each · GB, chosen so that the deviations in per cent are the least; then comes the largest "
    "deviation, and then where a measurement first leaves the line through all smaller ones by more than a quarter. The last two "
    "lines of each table are seconds of processors, which other work on the machine makes longer by little: where seconds leave "
    "a line and these do not, it was the other work.",
    "tables": ""
    "Tables of three columns, a primary key and 20 rows, in one schema. The dump beside it has definitions and rows. The "
    "columns are those above.",
    "connections": ""
    "More connections help while there are processors for them: the same ones served the server, the client and other work.",
    "memory": ""
    "The most that the process itself held at any time, as the kernel counted it for the parent (`wait4`); the server's "
    "memory is not in it. It does not depend on the bytes: rows stay in the server, and what comes back is one line a "
    "table. It grows with the tables, whose definitions a manifest has. The goal is at most 150 MB.",
}
ASSUMPTIONS = (
    "Not measured but reckoned, by the lines above and these assumptions. Each of them can be wrong; "
    "`benchmarks/scale/estimate.py` is the whole arithmetic.",
    "**The lines go on.** They are drawn through databases of up to {largest} GB, and 10 TB is far from there.",
    "**The rows are pgbench's**, of about 100 bytes each: wider rows take less time a gigabyte, narrower ones more. The "
    "database has {tables} tables, each of which costs what one of 20 rows costs above.",
    "**The work of the processors is what they did here**: the seconds of processors of both sides. Of the server's a phase "
    "has its share by time, and the client's count as its start's. A vCPU is as fast as a core of this machine; the client "
    "is a machine of its own, and as fast.",
    "**n vCPUs are read by n connections**, which the content is shared out to; {gain}. Every other check has one.",
    "**The memory of the instance is small beside the database**, so that each pass over it is read from the volume. The "
    "content reads {once} GB for each GB of the database (its tables, once); `drills verify` with all checks reads {all} "
    "GB. Both were counted at the server's processes (`/proc/PID/io`), with the stock 128 MB of shared buffers.",
    "**The storage gives m MB/s to any number of readers**: the lesser of what the volume and what the instance class "
    "allow. A part takes as long as the slower of processors and storage; parts come one after another.",
    "**Warm** is a volume whose blocks have all been read before. **Cold** is one as a restore leaves it: what is read for "
    "the first time comes at the rate of a first touch, all of the database once, and what is read again at m.",
)
COLD = (
    "A manifest is taken of a source, which is warm, by one connection unless `--workers` says more; the rows above are "
    "with as many as it has vCPUs. A snapshot that is held for longer than ten minutes needs `--max-age`.",
    "**The rate of a first touch is unknown.** AWS names none for RDS, and says of EBS that it fluctuates; 100 and 300 MB/s"
    " are examples, to be replaced by a measurement: a target with `hydrate = true` says how long it took to read the "
    "blocks of its copy ([hydration](recovery-time.md#what-is-measured-after-rta-has-stopped)). What AWS says:",
)
KNOWN_GAIN = "each further one adds {gain:.0%} of the first one's speed, as the second did here"
UNKNOWN_GAIN = (
    "what a further one adds is **unknown**, since the processors here were never free for it: reckoned with {example:.0%} of "
    "the first one's speed, an example"
)
SOURCES = (
    "A restored instance is available while its data still comes from S3 in the background, and what is touched before it "
    "has come is fetched at once: [Restoring to a DB "
    "instance](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html).",
    "Until all blocks have come, a volume may be slower, and the rate by default fluctuates so that the end cannot be "
    "foretold. For an EBS volume of one's own 100 to 300 MiB/s can be bought, which is where the examples are from; whether"
    " RDS does so is not said: [Initialize Amazon EBS "
    "volumes](https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html).",
    "What a volume of RDS gives depends on its type and size, and on the instance class; RDS stripes larger ones over "
    "several EBS volumes: [Amazon RDS DB instance "
    "storage](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html). 500, 1,000 and 4,000 MB/s are "
    "examples.",
)
HOW = (
    "In a checkout, with PostgreSQL of the system; the largest sizes take an hour, and 20 GB of disk. What is measured is "
    "kept below `.tox`, so that it can be done in parts.",
    "<!-- not run: measurements that take hours -->\n"
    "```console\n"
    "$ .tox/drill/bin/python -m benchmarks.growth --gigabytes 0.1 1 --tables 100 1000\n"
    "$ .tox/drill/bin/python -m benchmarks.growth --resume --gigabytes 4 10 --tables 10000 100000\n"
    "$ .tox/drill/bin/python -m benchmarks.growth --write\n"
    "```",
)
