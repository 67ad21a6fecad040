import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { byDns, checkReceiver } from '../../src/webhooks/guard.ts'
import { dnsStub } from './dns-stub.ts'
import { until } from '../support/until.ts'
import { webhookSink } from '../support/webhook-sink.ts'
import { testOutbox, type TestOutbox } from './outbox.ts'

const PUBLIC_ADDRESS = '9.9.9.9'

/** What a stranger's name server, or a careless hosts file, may say. */
const ROGUE_NAMES: Record<string, string[]> = {
  localhost: ['127.0.0.1', '::1'],
  'localhost.': ['127.0.0.1'],
  'app.localhost': ['127.0.0.1'],
  'loopback.example': ['127.0.0.1'],
  'loopback6.example': ['::1'],
  'mixed.example': [PUBLIC_ADDRESS, '127.0.0.1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'nat64.example': ['64:ff9b::7f00:1'],
  'office.example': ['10.0.0.8'],
  'metadata.example': ['169.254.169.254'],
  'empty.example': [],
}

/** PORT is 443 or 8443 where the address alone must be the reason, and the canary's own where connections are counted. */
const HOSTILE_ADDRESSES = `
  https://127.0.0.1:PORT/ https://127.0.0.2:PORT/ https://127.255.255.254:PORT/ https://0:PORT/ https://0.0.0.0:PORT/
  https://127.1:PORT/ https://127.0.1:PORT/ https://0x7f000001:PORT/ https://0x7f.0.0.1:PORT/ https://2130706433:PORT/
  https://017700000001:PORT/ https://0177.0.0.1:PORT/ https://0177.0x0.0.1:PORT/ https://127.0.0.1.:PORT/
  https://%31%32%37.0.0.1:PORT/ https://①②⑦.⓪.⓪.①:PORT/ https://１２７.0.0.1:PORT/ https://127。0。0。1:PORT/
  https:127.0.0.1:PORT/ https:\\\\127.0.0.1:PORT\\ https:///127.0.0.1:PORT/ https://127.0.0.1:PORT#@ok.example
  https://127.0.0.1:PORT?@ok.example https://127.0.0.1:PORT/%0d%0aX-Injected:%201 https://[::1]:PORT/ https://[::]:PORT/
  https://[0:0:0:0:0:0:0:1]:PORT/ https://[::7f00:1]:PORT/ https://[::ffff:127.0.0.1]:PORT/ https://[::ffff:7f00:1]:PORT/
  https://[::ffff:0:127.0.0.1]:PORT/ https://[64:ff9b::7f00:1]:PORT/ https://[64:ff9b:1::7f00:1]:PORT/
  https://[2002:7f00:1::]:PORT/ https://[2001:0:4136:e378:8000:63bf:80ff:fffe]:PORT/ https://[fd00::1]:PORT/
  https://[fe80::1]:PORT/ https://[ff02::1]:PORT/ https://[2001:db8::1]:PORT/ https://169.254.169.254:PORT/latest/
  https://100.64.0.1:PORT/ https://192.0.0.1:PORT/ https://198.18.0.1:PORT/ https://10.0.0.1:PORT/ https://172.16.0.1:PORT/
  https://192.168.0.1:PORT/ https://224.0.0.1:PORT/ https://255.255.255.255:PORT/ https://localhost:PORT/
  https://localhost.:PORT/ https://LOCALHOST:PORT/ https://app.localhost:PORT/ https://loopback.example:PORT/
  https://loopback6.example:PORT/ https://mixed.example:PORT/ https://mapped.example:PORT/ https://nat64.example:PORT/
  https://office.example:PORT/ https://metadata.example:PORT/ https://empty.example:PORT/`
  .trim()
  .split(/\s+/)

/** Refused before any address is looked at. */
const HOSTILE_FORMS: [string, string][] = [
  ['http://127.0.0.1:PORT/ari/asterisk/info', 'scheme'],
  ['http://9.9.9.9/', 'scheme'],
  ['file:///etc/passwd', 'scheme'],
  ['gopher://127.0.0.1:PORT/_x', 'scheme'],
  ['ftp://127.0.0.1:PORT/', 'scheme'],
  ['ws://127.0.0.1:PORT/', 'scheme'],
  ['data:text/plain,hello', 'scheme'],
  ['javascript:alert(1)', 'scheme'],
  ['unix:/var/run/docker.sock', 'scheme'],
  ['https://ok.example@127.0.0.1:PORT/', 'credentials'],
  ['https://ok.example:word@127.0.0.1:PORT/', 'credentials'],
  ['https://:word@127.0.0.1:PORT/', 'credentials'],
  ['https://127.0.0.1:PORT%2f@ok.example/', 'credentials'],
  ['https://9.9.9.9:22/', 'port'],
  ['https://9.9.9.9:25/', 'port'],
  ['https://9.9.9.9:80/', 'port'],
  ['https://9.9.9.9:5060/', 'port'],
  ['https://9.9.9.9:8088/ari/', 'port'],
  ['https://9.9.9.9:0/', 'port'],
  ['https://[fe80::1%25lo]:PORT/', 'not a URL'],
  ['https://127.0.0.1:PORT:PORT/', 'not a URL'],
  ['https://9.9.9.9:99999/', 'not a URL'],
  ['https://a b/', 'not a URL'],
  ['https://exa%0d%0ample/', 'not a URL'],
  ['https://', 'not a URL'],
  ['//127.0.0.1:PORT/', 'not a URL'],
  ['', 'not a URL'],
]

const rogueNames = (name: string) => Promise.resolve(ROGUE_NAMES[name] ?? [])
const at = (endpoint: string, port: number) => endpoint.replaceAll('PORT', String(port))

describe('where private receivers are not allowed', () => {
  test.each(HOSTILE_ADDRESSES)('%s is refused for its address', async (endpoint) => {
    const check = (port: number) => checkReceiver(at(endpoint, port), { allowPrivate: false }, rogueNames)
    expect(await check(443)).toEqual({ refused: 'address' })
    expect(await check(8443)).toEqual({ refused: 'address' })
  })

  test.each(HOSTILE_FORMS)('%s is refused: %s', async (endpoint, refused) => {
    const check = checkReceiver(at(endpoint, 443), { allowPrivate: false }, rogueNames)
    expect(await check).toEqual({ refused })
  })

  test('line ends in a path do not reach the wire', async () => {
    const endpoint = 'https://9.9.9.9/a\r\nHost: 127.0.0.1\r\n\r\n'
    const receiver = await checkReceiver(endpoint, { allowPrivate: false }, rogueNames)
    expect(receiver).toMatchObject({ url: { pathname: '/aHost:%20127.0.0.1' } })
  })
})

describe('with a listener on loopback', () => {
  let outbox: TestOutbox
  let canary: Server
  let connections: number

  beforeEach(async () => {
    outbox = testOutbox()
    connections = 0
    canary = createServer((socket) => {
      connections++
      socket.destroy()
    })
    await new Promise<void>((resolve) => canary.listen(0, resolve))
  })

  afterEach(async () => {
    await outbox.close()
    canary.close()
  })

  test('no hostile endpoint makes a connection, and each attempt fails and is repeated later', async () => {
    const { port } = canary.address() as AddressInfo
    const endpoints = [...HOSTILE_ADDRESSES, ...HOSTILE_FORMS.map(([endpoint]) => endpoint)]
    expect(endpoints.length).toBeGreaterThanOrEqual(60)
    for (const [i, endpoint] of endpoints.entries()) {
      await outbox.account(`account-${i}`, at(endpoint, port))
      await outbox.commit(`account-${i}`)
    }
    outbox.start({ allowPrivate: false, resolve: rogueNames })
    await until(() => expect(connections > 0 || outbox.attempts.length === endpoints.length).toBe(true))
    expect(connections).toBe(0)
    for (const { reason, outcome, status } of outbox.attempts) {
      expect(reason).toMatch(/^receiver refused: /)
      expect({ outcome, status }).toEqual({ outcome: 'retry', status: undefined })
    }
    expect(await outbox.store.deliveryCounts()).toEqual({ waiting: endpoints.length, dead: 0 })
  })

  test('a public receiver that redirects to it is not followed', async () => {
    const { port } = canary.address() as AddressInfo
    const sink = await webhookSink()
    sink.answer({ status: 307, headers: { location: `http://127.0.0.1:${port}/` } })
    await outbox.account('a', sink.url)
    await outbox.commit('a')
    outbox.start()
    await until(() => expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason: 'HTTP 307' }]))
    expect(connections).toBe(0)
    await sink.close()
  })
})

describe('a name server that changes its answer (DNS rebinding)', () => {
  test('is asked once for a try, and the connection goes to the address that was checked', async () => {
    const sink = await webhookSink({ host: '0.0.0.0' })
    const outbox = testOutbox()
    await outbox.account('a', `http://rebinding.example:${sink.port}/`)
    let asked = 0
    const resolve = () => Promise.resolve([asked++ === 0 ? '127.0.0.2' : '127.0.0.1'])
    outbox.start({ resolve })
    for (let attempt = 1; attempt <= 100; attempt++) {
      asked = 0
      await outbox.commit('a')
      await until(() => expect(sink.received).toHaveLength(attempt))
      expect(asked).toBe(1)
    }
    expect(new Set(sink.received.map(({ to }) => to))).toEqual(new Set(['127.0.0.2']))
    expect(sink.connections).toBe(100)
    await outbox.close()
    await sink.close()
  })

  test('is refused as soon as it says loopback, over real DNS', async () => {
    let asked = 0
    const dns = await dnsStub((name, type) => {
      if (name !== 'rebinding.example') return []
      if (type === 'AAAA') return []
      return [asked++ === 0 ? PUBLIC_ADDRESS : '127.0.0.1']
    })
    const check = () =>
      checkReceiver('https://rebinding.example/', { allowPrivate: false }, byDns(dns.resolver))
    expect(await check()).toMatchObject({ addresses: [PUBLIC_ADDRESS] })
    for (let i = 0; i < 100; i++) expect(await check()).toEqual({ refused: 'address' })
    expect(asked).toBe(101)
    await dns.close()
  })

  test('cannot hide a private address behind the other family', async () => {
    const dns = await dnsStub((_name, type) => (type === 'AAAA' ? ['::1'] : [PUBLIC_ADDRESS]))
    const check = checkReceiver('https://r.example/', { allowPrivate: false }, byDns(dns.resolver))
    expect(await check).toEqual({ refused: 'address' })
    await dns.close()
  })

  test('that knows no address makes the check fail with its word', async () => {
    const dns = await dnsStub(() => [])
    const check = checkReceiver('https://r.example/', { allowPrivate: false }, byDns(dns.resolver))
    await expect(check).rejects.toMatchObject({ code: 'ENODATA' })
    await dns.close()
  })
})
