# in an empty folder with the files of docs/examples/walks and docs/examples/hall.toml
bintally wms import layout hall.toml --site north
bintally wms import places places.csv --site north
bintally wms import expected expected.csv --site north
python load.py counts.csv north                      # in a warehouse: bintally wms listen, and stations

bintally pick route --from-ledger sqlite:///ledger.db --site north --minutes 2.5 --plot recounts.svg
bintally pick route --from-ledger sqlite:///ledger.db --site north --minutes 2.5 --assign ann --json > recounts.json

token=$(bintally wms token add planner --scope plan --site north)
bintally wms serve --listen 127.0.0.1:${PORT:=8482} &
trap 'kill $!' EXIT
curl --silent --show-error --fail --retry 60 --retry-delay 1 --retry-connrefused -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' --data @orders.json "http://127.0.0.1:$PORT/v1/pick-lists" > lists.json
