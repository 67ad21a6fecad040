<?php
/*
 * An update as the manual's PHP sample sends it: with curl, any encoding accepted, redirects followed.
 * php put.php URL USER TOKEN <body.json; prints the answer's body and, as the last line, its status.
 */
[, $url, $user, $token] = $argv;

$handle = curl_init($url);
curl_setopt_array($handle, [
    CURLOPT_CUSTOMREQUEST => 'PUT',
    CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
    CURLOPT_HTTPHEADER => [
        'Authorization: Basic ' . base64_encode("$user:$token"),
        'Content-Type: application/json',
    ],
    CURLOPT_POSTFIELDS => stream_get_contents(STDIN),
    CURLOPT_ENCODING => '',
    CURLOPT_FOLLOWLOCATION => true,
    CURLOPT_MAXREDIRS => 10,
    CURLOPT_TIMEOUT => 0,
    CURLOPT_RETURNTRANSFER => true,
]);
$body = curl_exec($handle);
echo $body, "\n", curl_getinfo($handle, CURLINFO_RESPONSE_CODE), "\n";
