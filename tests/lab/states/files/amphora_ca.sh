#!/bin/sh
# Two authorities, one for amphorae and one for controllers, and the controllers' own certificate, under the names
# that Octavia's documentation gives them. The server authority signs amphora certificates, so its key is kept.
set -e
umask 077
mkdir -p amphora
cd amphora
for side in server client; do
    openssl req -x509 -newkey rsa:2048 -days 3650 -subj "/CN=octavia-lab $side CA" -passout env:PASSPHRASE \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout ${side}_ca.key.pem -out ${side}_ca.cert.pem
done
openssl req -new -newkey rsa:2048 -nodes -subj /CN=controller -keyout client.key -out client.csr
printf 'extendedKeyUsage = clientAuth\n' > client.ext
openssl x509 -req -in client.csr -CA client_ca.cert.pem -CAkey client_ca.key.pem -passin env:PASSPHRASE \
    -CAcreateserial -days 3650 -extfile client.ext -out client.crt
cat client.crt client.key > client.cert-and-key.pem
rm -f client.crt client.key client.csr client.ext client_ca.key.pem ./*.srl
