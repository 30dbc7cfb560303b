#!/bin/sh
# Makes the secrets that compose.yaml names, beside it, each readable by its container's user alone. What is there stays.
# Run by root: sh secrets.sh HOST. Put the certificate that devices trust in the place of tls.crt and tls.key.
set -eu
host=${1:?the name that devices and owners know}
umask 077
mkdir -p "$(dirname "$0")/secrets"
cd "$(dirname "$0")/secrets"

UPWELL=10001 NGINX=101
new() { openssl rand -hex 24; }

if [ ! -e database-password ]; then
  new > database-password
  echo "database_url = \"postgresql://upwell:$(cat database-password)@database/upwell\"" > upwell.toml
  chown "$UPWELL" upwell.toml
fi
if [ ! -e s3.json ]; then
  key=$(new) secret=$(new)
  printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n' "$key" "$secret" > s3.env
  printf '{"identities": [{"name": "upwell", "credentials": [{"accessKey": "%s", "secretKey": "%s"}],
 "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n' "$key" "$secret" > s3.json
  chown "$UPWELL" s3.env
fi
if [ ! -e tls.key ]; then
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$host" -addext "subjectAltName=DNS:$host" \
    -keyout tls.key -out tls.crt 2>/dev/null
fi
chown "$UPWELL:$NGINX" tls.key tls.crt
chmod 0440 tls.key tls.crt
