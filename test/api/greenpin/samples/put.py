"""An update as the manual's Python sample sends it: with the package requests.

python3 put.py URL USER TOKEN <body.json; prints the answer's body and, as the last line, its status.
"""

import base64
import json
import sys

import requests

url, user, token = sys.argv[1:]
login = base64.b64encode(f"{user}:{token}".encode()).decode()
headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
body = json.dumps(json.load(sys.stdin))

answer = requests.request("PUT", url, headers=headers, data=body)
print(answer.text)
print(answer.status_code)
