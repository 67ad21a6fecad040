import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ConfigError, loadConfig, settingsTable } from '../src/config.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-config-'))
  file = path.join(folder, 'pinbridge.yaml')
})
afterEach(() => rmSync(folder, { recursive: true }))

function load(yaml: string | undefined, env: Record<string, string> = {}) {
  if (yaml !== undefined) writeFileSync(file, yaml)
  return loadConfig({ PINBRIDGE_DATA: folder, ...env })
}

/** The problems told, with `@` for the file. */
function problems(yaml: string | undefined, env: Record<string, string> = {}): string[] {
  try {
    load(yaml, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((line) => line.replaceAll(file, '@'))
    throw error
  }
  return []
}

/** Rows of the table that people read. */
const rows = settingsTable()
  .split('\n')
  .slice(2)
  .map((line) => {
    const [, key = '', env = '', initial = '', expected = '', meaning = ''] = line
      .split('|')
      .map((s) => s.trim())
    return { key, env, initial, expected, meaning }
  })

describe('defaults', () => {
  test('without a file and without variables everything is set that needs to be', () => {
    expect(load(undefined)).toEqual({
      data: folder,
      http: { host: '127.0.0.1', port: 8080 },
      asterisk: { mode: 'local', ariPort: 8088, application: 'pinbridge' },
      sip: {
        host: '0.0.0.0',
        port: 5060,
        trunk: { host: '127.0.0.1', port: 5080 },
        rtpPorts: { first: 20000, last: 20999 },
        dtmf: 'auto',
      },
      digits: { firstMs: 8000, nextMs: 4000, totalMs: 30000 },
      pins: { range: 1_000_000 },
      fastagi: { host: '127.0.0.1' },
      webhooks: { allowPrivate: false },
      log: { level: 'info' },
    })
  })

  test('the data folder is the one in the folder of the package, wherever the command is run', () => {
    expect(loadConfig({}).data).toBe(path.resolve(import.meta.dirname, '../data'))
  })

  test('an empty file, empty groups and empty values leave the defaults', () => {
    const untouched = load(undefined)
    expect(load('')).toEqual(untouched)
    expect(load('# nothing\nhttp:\nsip:\n  port:\n')).toEqual(untouched)
    expect(load(undefined, { PINBRIDGE_HTTP_PORT: '', PINBRIDGE_ARI_URL: '' })).toEqual(untouched)
  })

  test('nobody can change the configuration afterwards, at any depth', () => {
    const config = load(undefined)
    const parts = [config, ...Object.values(config), config.sip.trunk, config.sip.rtpPorts]
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true)
  })
})

describe('file and environment', () => {
  test('the file is read', () => {
    const config = load(
      'http: { port: 9000 }\nwebhooks: { allowPrivate: true }\nsip:\n  trunk: sip.example.com:5061\n',
    )
    expect(config.http).toEqual({ host: '127.0.0.1', port: 9000 })
    expect(config.webhooks.allowPrivate).toBe(true)
    expect(config.sip.trunk).toEqual({ host: 'sip.example.com', port: 5061 })
  })

  test('the environment wins over the file, even over a wrong value there', () => {
    const env = {
      PINBRIDGE_HTTP_PORT: '9001',
      PINBRIDGE_WEBHOOK_PRIVATE: 'true',
      PINBRIDGE_TRUNK: '[2001:db8::1]:5060',
    }
    const config = load('http: { port: 9000 }\nsip: { trunk: 5 }\n', env)
    expect(config.http.port).toBe(9001)
    expect(config.webhooks.allowPrivate).toBe(true)
    expect(config.sip.trunk).toEqual({ host: '2001:db8::1', port: 5060 })
  })

  test('PINBRIDGE_CONFIG names another file, which must be there', () => {
    const other = path.join(folder, 'other.yaml')
    writeFileSync(other, 'http: { port: 9002 }\n')
    expect(load('http: { port: 9000 }\n', { PINBRIDGE_CONFIG: other }).http.port).toBe(9002)
    expect(problems(undefined, { PINBRIDGE_CONFIG: path.join(folder, 'none.yaml') })).toEqual([
      expect.stringMatching(/none\.yaml: cannot be read: ENOENT/),
    ])
  })

  test('the carrier may call from several addresses and networks, of both kinds', () => {
    const carriers = ' 198.51.100.0/28, 203.0.113.9 ,2001:db8::/32,2001:db8::9'
    expect(load(undefined, { PINBRIDGE_TRUNK_MATCH: carriers }).sip.trunkMatch).toBe(
      '198.51.100.0/28,203.0.113.9,2001:db8::/32,2001:db8::9',
    )
  })

  test('a foreign Asterisk needs address, user and password, and is given as such', () => {
    const asterisk = 'asterisk:\n  ariUrl: https://pbx.example.com:8089/\n  ariUser: ivr\n'
    const password = 'Zr8-kwLq02_vbnTy'
    expect(load(asterisk, { PINBRIDGE_ARI_PASSWORD: password }).asterisk).toMatchObject({
      ariUrl: 'https://pbx.example.com:8089',
      ariUser: 'ivr',
      ariPassword: password,
    })
    expect(problems(asterisk)).toEqual([
      'PINBRIDGE_ARI_PASSWORD (asterisk.ariPassword): found nothing, needed for asterisk.ariUrl',
    ])
    expect(problems('', { PINBRIDGE_ARI_USER: 'ivr' })).toEqual([
      'PINBRIDGE_ARI_USER (asterisk.ariUser): found "ivr", meaningless without asterisk.ariUrl',
    ])
    expect(problems('', { PINBRIDGE_RECORDINGS: '/srv/recording' })).toEqual([
      'PINBRIDGE_RECORDINGS (asterisk.recordings): found "/srv/recording", meaningless without asterisk.ariUrl',
    ])
  })

  test('the public address is a base to which paths are added', () => {
    const publicUrl = (value: string) => load(undefined, { PINBRIDGE_PUBLIC_URL: value }).http.publicUrl
    expect(load('').http.publicUrl).toBeUndefined()
    expect(publicUrl('https://pins.example.com')).toBe('https://pins.example.com')
    expect(publicUrl('http://10.0.0.1:8080/pins/')).toBe('http://10.0.0.1:8080/pins')
    for (const wrong of [
      'pins.example.com',
      'ftp://x',
      'https://u:p@x',
      'https://x?y',
      'https://x#y',
      'https://',
    ])
      expect(problems(undefined, { PINBRIDGE_PUBLIC_URL: wrong })).toHaveLength(1)
  })
})

describe('a malformed file is told by line and column', () => {
  test.each([
    ['http:\n  port: eighty\n', '@:2:3: http.port: found "eighty", expected TCP port, 0 to 65535'],
    ['http:\n  port: 65536\n', '@:2:3: http.port: found 65536, expected TCP port, 0 to 65535'],
    ['http:\n  port: 80.5\n', '@:2:3: http.port: found 80.5, expected TCP port, 0 to 65535'],
    ['http:\n  port: [80]\n', '@:2:3: http.port: found a list, expected TCP port, 0 to 65535'],
    [
      'http:\n  host: "a b"\n',
      '@:2:3: http.host: found "a b", expected address or host name of this machine',
    ],
    ['http:\n  prot: 80\n', '@:2:3: http.prot: found 80, did you mean http.port?'],
    ['htpp:\n  port: 80\n', '@:1:1: htpp: found a group, did you mean http?'],
    ['\n\ntrunk: a:1\n', '@:3:1: trunk: found "a:1", did you mean sip.trunk?'],
    ['http.port: 80\n', '@:1:1: http.port: found 80, expected "http:" and below it "port:"'],
    ['colour: red\n', '@:1:1: colour: found "red", which is no setting'],
    ['http: 8080\n', '@:1:1: http: found 8080, expected a group of settings'],
    ['- http\n', '@:1:1: found a list, expected groups of settings'],
    ['just words\n', '@:1:1: found "just words", expected groups of settings'],
    ['data: /srv\n', '@:1:1: data: only PINBRIDGE_DATA can name the data folder'],
    ['asterisk: { mode: remote }\n', '@:1:13: asterisk.mode: found "remote", expected local or none'],
    [
      'sip:\n  host: example.com\n',
      '@:2:3: sip.host: found "example.com", expected IP address of this machine',
    ],
    ['sip:\n  port: 0\n', '@:2:3: sip.port: found 0, expected UDP port, 1 to 65535'],
    ['sip:\n  port: 20001\n', '@:2:3: sip.port: found 20001, which lies within sip.rtpPorts'],
    ['sip:\n  trunk: example.com\n', '@:2:3: sip.trunk: found "example.com", expected host:port'],
    ['sip:\n  trunk: example.com:0\n', '@:2:3: sip.trunk: found "example.com:0", expected host:port'],
    ['sip:\n  rtpPorts: 30000\n', /^@:2:3: sip\.rtpPorts: found 30000, expected first-last UDP port/],
    [
      'sip:\n  rtpPorts: 30000-20000\n',
      /^@:2:3: sip\.rtpPorts: found "30000-20000", expected first-last UDP port/,
    ],
    [
      'sip:\n  rtpPorts: 1000-2000\n',
      /^@:2:3: sip\.rtpPorts: found "1000-2000", expected first-last UDP port/,
    ],
    ['sip:\n  trunkMatch: [198.51.100.7]\n', /^@:2:3: sip\.trunkMatch: found a list, expected IP addresses/],
    ['sip:\n  mediaAddress: here\n', '@:2:3: sip.mediaAddress: found "here", expected IP address'],
    [
      'sip:\n  dtmf: sms\n',
      /^@:2:3: sip\.dtmf: found "sms", expected auto, auto_info, rfc4733, info or inband/,
    ],
    ['sip:\n  country: in\n', '@:2:3: sip.country: found "in", expected two capital letters, ISO 3166-1'],
    ['sip:\n  country: XQ\n', '@:2:3: sip.country: found "XQ", expected two capital letters, ISO 3166-1'],
    [
      'digits:\n  firstMs: 40000\n',
      '@:2:3: digits.firstMs: found 40000, which is longer than digits.totalMs',
    ],
    [
      'webhooks:\n  allowPrivate: maybe\n',
      '@:2:3: webhooks.allowPrivate: found "maybe", expected true or false',
    ],
    ['log:\n  level: loud\n', /^@:2:3: log\.level: found "loud", expected trace, debug, info/],
    ['http:\n  port: 1\n  port: 2\n', '@:3:3: Map keys must be unique'],
    ['http: [1\nlog: x\n', /^@:2:1: Flow sequence/],
    ['a: *b\n', /^@: cannot be read: Unresolved alias/],
    ['\tlog: x\n', /^@:1:1: Tabs are not allowed/],
    ['http: !port 1\n', /^@:1:7: Unresolved tag/],
  ])('%j', (yaml, expected) => {
    expect(problems(yaml)).toEqual([
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    ])
  })

  test.each([
    ...['carrier.example', '198.51.100.7:5060', '198.51.100.7,', '198.51.100.7 203.0.113.9', '010.0.0.1'],
    ...['198.51.100.0/33', '2001:db8::/129', '0.0.0.0/0', '::/0', '198.51.100.0/24/2', '198.51.100.7/', '/8'],
  ])('the carrier does not call from %s', (found) => {
    expect(problems(`sip:\n  trunkMatch: "${found}"\n`)).toEqual([
      `@:2:3: sip.trunkMatch: found "${found}", expected IP addresses and networks, comma-separated`,
    ])
  })

  test.each(['sip.example.com', '2001:db8::7', '203.0.113.7:5060'])(
    'the public address is not %s',
    (found) => {
      expect(problems(`sip:\n  externalAddress: "${found}"\n`)).toEqual([
        `@:2:3: sip.externalAddress: found "${found}", expected IPv4 address`,
      ])
    },
  )

  test.each([...new Set(rows.slice(1).map(({ key }) => key.split('.')[0] ?? ''))])(
    'an unknown name in %s',
    (group) => {
      expect(problems(`${group}:\n  colour: red\n`)).toEqual([
        `@:2:3: ${group}.colour: found "red", which is no setting`,
      ])
    },
  )

  test('everything that is wrong is told at once, whatever it is', () => {
    const yaml = 'http:\n  port: x\n  hots: y\ndigits: { firstMs: 50000, nextMs: 1 }\ncolour: red\n'
    const told = problems(yaml, {
      PINBRIDGE_LOG_LEVEL: 'loud',
      PINBRIDGE_SIP_PROT: '1',
      PINBRIDGE_ARI_USER: 'ivr',
    })
    const starts = told.map((line) =>
      line
        .split(':')
        .slice(0, line.startsWith('@') ? 4 : 1)
        .join(':'),
    )
    expect(starts.sort()).toEqual([
      '@:2:3: http.port',
      '@:3:3: http.hots',
      '@:4:11: digits.firstMs',
      '@:4:27: digits.nextMs',
      '@:5:1: colour',
      'PINBRIDGE_ARI_USER (asterisk.ariUser)',
      'PINBRIDGE_LOG_LEVEL (log.level)',
      'PINBRIDGE_SIP_PROT',
    ])
  })
})

describe('a wrong variable is told by its name', () => {
  test.each([
    [
      'PINBRIDGE_HTTP_PORT',
      'eighty',
      'PINBRIDGE_HTTP_PORT (http.port): found "eighty", expected TCP port, 0 to 65535',
    ],
    [
      'PINBRIDGE_HTTP_PORT',
      '-1',
      'PINBRIDGE_HTTP_PORT (http.port): found "-1", expected TCP port, 0 to 65535',
    ],
    [
      'PINBRIDGE_HTTP_PORT',
      '1e3',
      'PINBRIDGE_HTTP_PORT (http.port): found "1e3", expected TCP port, 0 to 65535',
    ],
    ['PINBRIDGE_WEBHOOK_PRIVATE', 'yes', /found "yes", expected true or false/],
    ['PINBRIDGE_TRUNK', 'a;b:5060', /^PINBRIDGE_TRUNK \(sip\.trunk\): found "a;b:5060", expected host:port/],
    ['PINBRIDGE_ARI_APP', 'a,b', /^PINBRIDGE_ARI_APP \(asterisk\.application\): found "a,b"/],
  ])('%s=%s', (name, value, expected) => {
    expect(problems(undefined, { [name]: value })).toEqual([
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    ])
  })

  test('a slip of the pen is told, variables of others are left alone', () => {
    expect(problems(undefined, { PINBRIDGE_HTTP_PROT: '1' })).toEqual([
      'PINBRIDGE_HTTP_PROT: unknown, did you mean PINBRIDGE_HTTP_PORT?',
    ])
    const kubernetes = { PINBRIDGE_SERVICE_HOST: '10.0.0.1', PINBRIDGE_PORT: 'tcp://10.0.0.1:80' }
    expect(problems(undefined, { ...kubernetes, PINBRIDGE_CACHE: '/var/cache' })).toEqual([])
  })
})

describe('the password of a foreign Asterisk', () => {
  const foreign = { PINBRIDGE_ARI_URL: 'http://127.0.0.1:8088', PINBRIDGE_ARI_USER: 'ivr' }

  test.each([
    ...['asterisk', 'admin', 'secret', 'demo', 'password', 'fifteen-letters'],
    ...[
      'asteriskasterisk',
      'admin-admin-admin',
      'Secret1234567890',
      'aaaaaaaaaaaaaaaaaaaa',
      '12345678901234567890',
    ],
  ])('%s is refused and not repeated', (password) => {
    const [told = '', ...more] = problems(undefined, { ...foreign, PINBRIDGE_ARI_PASSWORD: password })
    expect(more).toEqual([])
    expect(told).toMatch(
      /^PINBRIDGE_ARI_PASSWORD \(asterisk\.ariPassword\): found a value not shown here, (expected at least 16|easily guessed)/,
    )
    expect(told.replace(/ariPassword|PASSWORD|ASTERISK|asterisk\./g, '')).not.toContain(password)
  })

  test('an empty one is none', () => {
    expect(problems(undefined, { ...foreign, PINBRIDGE_ARI_PASSWORD: '' })).toEqual([
      expect.stringMatching(/^PINBRIDGE_ARI_PASSWORD .* found nothing, needed/),
    ])
  })

  test.each(['http://u:hunter2hunter2@127.0.0.1:8088', 'http://hunter2hunter2@127.0.0.1:8088'])(
    'credentials in an address are refused and not repeated',
    (url) => {
      const env = { ...foreign, PINBRIDGE_ARI_URL: url, PINBRIDGE_ARI_PASSWORD: 'Zr8-kwLq02_vbnTy' }
      expect(problems(undefined, env)).toEqual([
        'PINBRIDGE_ARI_URL (asterisk.ariUrl): found "http://***@127.0.0.1:8088", credentials in an address end up in logs, use PINBRIDGE_ARI_USER and PINBRIDGE_ARI_PASSWORD',
      ])
    },
  )

  test.each([
    'ws://127.0.0.1:8088',
    '127.0.0.1:8088',
    'http://a/ari',
    'http://a?x=1',
    'http://',
    'http://a:99999',
  ])('the address %s is refused', (url) => {
    const env = { ...foreign, PINBRIDGE_ARI_URL: url, PINBRIDGE_ARI_PASSWORD: 'Zr8-kwLq02_vbnTy' }
    expect(problems(undefined, env)).toEqual([
      expect.stringContaining('expected http://host:port or https://host:port'),
    ])
  })

  test('an address contradicts serving HTTP only', () => {
    const env = { ...foreign, PINBRIDGE_ARI_PASSWORD: 'Zr8-kwLq02_vbnTy', PINBRIDGE_ASTERISK: 'none' }
    expect(problems(undefined, env)).toEqual([expect.stringContaining('contradicts asterisk.mode none')])
  })
})

describe('what people read about the settings', () => {
  test('every limit that is told is the limit', () => {
    const limited = rows.filter(({ expected }) => /, \d+ to \d+$/.test(expected))
    expect(limited.length).toBeGreaterThan(5)
    for (const { env, expected } of limited) {
      const [, min = NaN, max = NaN] = / (\d+) to (\d+)$/.exec(expected)?.map(Number) ?? []
      const refused = (value: number) =>
        problems(undefined, { [env]: String(value) })
          .join()
          .includes(expected)
      expect([min - 1, min, max, max + 1].map(refused)).toEqual([true, false, false, true])
    }
  })

  test('every setting has a variable, a form and a meaning', () => {
    for (const row of rows) {
      expect(row.env).toMatch(/^PINBRIDGE_[A-Z_]+$/)
      expect(row.expected).not.toBe('')
      expect(row.meaning).not.toBe('')
    }
    expect(new Set(rows.map(({ env }) => env)).size).toBe(rows.length)
  })

  test('the example holds all of them with their defaults, and is valid as it stands and with every line in use', () => {
    const example = readFileSync(new URL('../config/example.yaml', import.meta.url), 'utf8')
    expect(load(example)).toEqual(load(''))
    const inUse = load(example.replaceAll(/^ {2}#(?=\w)/gm, '  '))
    const { ariUrl, ariUser, ariPassword, recordings, ...asterisk } = inUse.asterisk
    const { publicUrl, ...http } = inUse.http
    const { trunkMatch, mediaAddress, externalAddress, country, ...sip } = inUse.sip
    const { contexts, ...pins } = inUse.pins
    const { port, ...fastagi } = inUse.fastagi
    expect({ ...inUse, http, asterisk, sip, pins, fastagi }).toEqual(load(''))
    const optional = [publicUrl, ariUrl, ariUser, ariPassword, recordings, trunkMatch, mediaAddress]
    expect([...optional, externalAddress, country, contexts, port]).not.toContain(undefined)
    for (const { env } of rows) expect(example).toContain(env)
  })
})
