import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openSqlite } from '../../src/store/sqlite.ts'

const CHECKOUT = path.resolve(import.meta.dirname, '../..')
const BIN = path.join(CHECKOUT, 'bin/pinbridge.js')

type Env = Record<string, string>
type Run = { code: number; stdout: string; stderr: string }
type Json = Record<string, unknown>

let folder: string
let data: string
const cleanups: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-cli-'))
  data = path.join(folder, 'data')
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(folder, { recursive: true })
})

/** Only what a command needs, so that the settings of whoever runs the tests do not matter. */
function environment(env: Env): Env {
  return { PATH: process.env['PATH'] ?? '', HOME: folder, PINBRIDGE_DATA: data, ...env }
}

function start(command: string, args: string[], env: Env = {}): Promise<Run> {
  return new Promise((resolve) => {
    execFile(command, args, { env: environment(env), cwd: CHECKOUT }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })
}

function pinbridge(args: string[], env: Env = {}): Promise<Run> {
  return start(process.execPath, [BIN, ...args], env)
}

/** The one document that `--json` prints. */
async function json(args: string[], env: Env = {}): Promise<{ code: number; document: Json }> {
  const { code, stdout, stderr } = await pinbridge([...args, '--json'], env)
  expect(stderr).toBe('')
  return { code, document: JSON.parse(stdout) as Json }
}

async function addAccount(...options: string[]): Promise<{ sid: string; key: string; token: string }> {
  const { code, document } = await json(['account', 'add', '--name', 'Acme', ...options])
  expect(code).toBe(0)
  return (document['credentials'] as { greenpin: { sid: string; key: string; token: string } }).greenpin
}

/** A server on a free port of loopback that answers `respond(path)` as JSON, or a status alone. */
async function serverOf(respond: (url: string, login: string) => unknown): Promise<number> {
  const server: Server = createServer((req, res) => {
    const answer = respond(
      req.url ?? '',
      Buffer.from((req.headers.authorization ?? '').slice(6), 'base64').toString(),
    )
    res.statusCode = typeof answer === 'number' ? answer : 200
    res.end(typeof answer === 'number' ? '' : JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Makes this Node say that it is one which cannot run the sources. */
const OLD_NODE = [
  '--import',
  `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.20.2'}})`,
]
const HTTP_ONLY = { PINBRIDGE_ASTERISK: 'none', PINBRIDGE_HTTP_PORT: '0' }

/** `pinbridge serve` until it is ready. */
async function serving(env: Env = HTTP_ONLY, node: string[] = []) {
  const child = spawn(process.execPath, [...node, BIN, 'serve'], {
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  cleanups.push(() => child.kill('SIGKILL'))
  let text = ''
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const lines = () => text.split('\n').flatMap((line) => (line ? [JSON.parse(line) as Json] : []))
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('"msg":"ready"')) resolve()
    })
    void ended.then((code) => reject(new Error(`ended with ${code}: ${text}`)))
  })
  return { child, ended, lines, http: String(lines().find(({ msg }) => msg === 'ready')?.['http']) }
}

describe('the command', () => {
  test('tells how it is used', async () => {
    const { code, stdout } = await pinbridge(['--help'])
    expect(code).toBe(0)
    for (const word of [
      'serve',
      'demo',
      'account',
      'login',
      'number',
      'pins',
      'tariff',
      'group',
      'card',
      'voucher',
      'distributor',
      'line',
      'callback',
      'campaign',
      'audit',
      'deliveries',
      'doctor',
      'config/example.yaml',
    ])
      expect(stdout).toContain(word)
  })

  test('is found by npx in the checkout', async () => {
    const { code, stdout } = await start('npx', ['pinbridge', 'account', 'list'], {
      npm_config_offline: 'true',
    })
    expect([code, stdout]).toEqual([0, 'There is no account yet.\n'])
  })

  test('started by an old Node hands over to the one of the package, exit code and all', async () => {
    const [help, usage] = await Promise.all([
      start(process.execPath, [...OLD_NODE, BIN, '--help']),
      start(process.execPath, [...OLD_NODE, BIN, 'fly']),
    ])
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('Usage: pinbridge')])
    expect([usage.code, usage.stderr]).toEqual([64, "error: unknown command 'fly'\n"])
  })

  test.each([
    ['SIGTERM', 0, true],
    ['SIGINT', 0, true],
    // What `serve` does not take ends it at once.
    ['SIGHUP', 129, false],
  ] as const)('started by an old Node hands over %s too', async (signal, code, orderly) => {
    const { child, ended, lines, http } = await serving(HTTP_ONLY, OLD_NODE)
    child.kill(signal)
    expect(await ended).toBe(code)
    expect(lines().at(-1)?.['msg'] === 'stopped').toBe(orderly)
    await expect(fetch(`${http}/livez`)).rejects.toThrow('fetch failed')
  })

  test.each([
    [['serve', '--fast'], "unknown option '--fast'"],
    [['account', 'add'], "required option '--name <text>' not specified"],
    [['account', 'add', '--name', ' '], 'Expected 1 to 100 printable characters.'],
    [['account', 'add', '--name', 'x', '--sid', 'a/b'], 'Expected 2 to 63 letters'],
    [['account', 'add', '--name', 'x', '--country', 'ZZ'], 'Expected two letters of ISO 3166-1'],
    [
      ['account', 'add', '--name', 'x', '--timezone', 'Mars/Olympus'],
      'Expected a name of the IANA time zone',
    ],
    [['account', 'add', '--name', 'x', '--timezone', '+05:30'], 'Expected a name of the IANA time zone'],
    [['account', 'add', '--name', 'x', '--pin', 'c'], 'Allowed choices are a, b, both, none.'],
    [['account', 'add', '--name', 'x', '--ring', 'never'], 'Allowed choices are in-turn, all.'],
    [['account', 'add', '--name', 'x', '--ring-seconds', '0'], 'Expected whole seconds, 5 to 120.'],
    [['account', 'add', '--name', 'x', '--webhook', 'ftp://a'], 'found another protocol'],
    [['account', 'add', '--name', 'x', '--webhook', 'https://u:p@a.example'], 'found credentials'],
    [['account', 'add', '--name', 'x', '--webhook', 'https://10.0.0.1/'], 'found another kind of address'],
    [['number', 'add', '--account', 'x'], "missing required argument 'number'"],
    [
      ['number', 'add', '1', '--account', 'x', '--flow', 'magic'],
      'Allowed choices are masking, pin-line, calling-card.',
    ],
    [['number', 'add', '1', '--account', 'x', '--db', '7'], 'with --flow pin-line only'],
    [['number', 'add', '1', '--account', 'x', '--flow', 'pin-line', '--db', '0'], '1 to 9999'],
    [['number', 'add', '1', '--account', 'x', '--flow', 'pin-line', '--db', '10000'], '1 to 9999'],
    [['account', 'token', '--dialect', 'greenpin'], "missing required argument 'sid'"],
    [['account', 'token', 'x'], "required option '--dialect <name>' not specified"],
    [
      ['account', 'token', 'x', '--dialect', 'sip'],
      'Allowed choices are greenpin, stealthnet, 42com, mor, mobivate.',
    ],
  ])('used wrongly, %j, ends with 64', async (args, message) => {
    const { code, document } = await json(args)
    expect([code, document]).toEqual([
      64,
      { error: { code: 'usage', message: expect.stringContaining(message) } },
    ])
  })

  test('used wrongly by people, it tells them on stderr', async () => {
    const [nothing, unknown] = await Promise.all([pinbridge([]), pinbridge(['fly'])])
    expect([nothing.code, nothing.stdout]).toEqual([64, ''])
    expect(nothing.stderr).toContain('Usage: pinbridge')
    expect(unknown).toEqual({ code: 64, stdout: '', stderr: "error: unknown command 'fly'\n" })
  })

  test('configured wrongly ends with 78 and tells all of it, whatever the command', async () => {
    mkdirSync(data)
    const file = path.join(data, 'pinbridge.yaml')
    writeFileSync(file, 'http:\n  port: eighty\n  prot: 1\n')
    const problems = [
      `${file}:2:3: http.port: found "eighty", expected TCP port, 0 to 65535`,
      `${file}:3:3: http.prot: found 1, did you mean http.port?`,
    ]
    for (const command of [
      ['serve'],
      ['doctor'],
      ['account', 'list'],
      ['number', 'add', '1', '--account', 'x'],
    ]) {
      const { code, document } = await json(command)
      expect([code, document]).toEqual([
        78,
        { error: { code: 'config', message: 'wrong configuration', problems } },
      ])
    }
    const { code, stdout, stderr } = await pinbridge(['serve'])
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toBe(`pinbridge: wrong configuration\n  ${problems.join('\n  ')}\n`)
  })
})

describe('account', () => {
  test('add prints the login once and keeps only a hash of it', async () => {
    const { code, stdout } = await pinbridge(['account', 'add', '--name', 'Acmé Ltd.'])
    expect(code).toBe(0)
    const word = (label: string) => new RegExp(`${label} +(\\S+)`).exec(stdout)?.[1] ?? ''
    const [sid, key, token] = [word('account sid'), word('API key'), word('API token')]
    const [uid, pinsToken] = [word('Simple PINs uid'), word('Simple PINs token')]
    expect(sid).toMatch(/^acme-ltd-[a-z0-9]{4}$/)
    expect(word('webhook secret')).toMatch(/^whsec_/)

    const store = openSqlite(path.join(data, 'pinbridge.db'))
    cleanups.push(() => store.close())
    for (const user of [sid, key]) {
      const login = await store.findLogin('greenpin', user)
      expect(login?.account.sid).toBe(sid)
      expect(login?.secretHash).toBe(createHash('sha256').update(token).digest('hex'))
    }
    expect(uid).toBe(sid)
    expect(await store.findLogin('stealthnet', uid)).toMatchObject({
      account: { sid },
      secretHash: createHash('sha256').update(pinsToken).digest('hex'),
    })
    for (const name of readdirSync(data))
      for (const secret of [token, pinsToken])
        expect(readFileSync(path.join(data, name)).includes(secret)).toBe(false)
    const list = await pinbridge(['account', 'list', '--json'])
    for (const secret of [token, pinsToken, word('webhook secret')]) expect(list.stdout).not.toContain(secret)
  })

  test('add keeps what was chosen', async () => {
    const { document } = await json(
      [
        'account',
        'add',
        '--name',
        'Köln',
        '--sid',
        'koeln_1',
        '--country',
        'de',
        '--timezone',
        'Europe/Berlin',
      ].concat(
        ['--pin', 'both', '--ring', 'all', '--ring-seconds', '20', '--international'],
        ['--webhook', 'http://127.0.0.1:9000/hook'],
      ),
      { PINBRIDGE_WEBHOOK_PRIVATE: 'true' },
    )
    expect(document).toEqual({
      account: {
        id: expect.stringMatching(/^[0-9a-f-]{14}-?7/),
        sid: 'koeln_1',
        name: 'Köln',
        settings: expect.objectContaining({
          country: 'DE',
          timeZone: 'Europe/Berlin',
          internationalNumbers: true,
          pinEnabled: { a: true, b: true },
          ringStrategy: 'all',
          ringMs: 20_000,
          endpoints: {
            'call.completed': 'http://127.0.0.1:9000/hook',
            'caller.verified': 'http://127.0.0.1:9000/hook',
            'caller.refused': 'http://127.0.0.1:9000/hook',
            'allocation.ended': 'http://127.0.0.1:9000/hook',
            'sms.requested': 'http://127.0.0.1:9000/hook',
          },
        }),
      },
      credentials: {
        greenpin: { sid: 'koeln_1', key: expect.any(String), token: expect.any(String) },
        stealthnet: { uid: 'koeln_1', token: expect.any(String) },
        '42com': { user: 'koeln_1', password: expect.any(String) },
        mor: { user: 'koeln_1', secret: expect.any(String) },
        mobivate: { accountId: expect.stringMatching(/^[0-9a-f]{32}$/), secret: expect.any(String) },
      },
      webhookSecret: expect.stringMatching(/^whsec_/),
    })
  })

  test.each([
    ['a', { a: true, b: false }],
    ['b', { a: false, b: true }],
    ['none', { a: false, b: false }],
  ])('--pin %s', async (pin, pinEnabled) => {
    const { document } = await json(['account', 'add', '--name', 'x', '--pin', pin])
    expect(document).toMatchObject({ account: { settings: { pinEnabled } } })
  })

  test.each(['東京', '--', 'a'.repeat(100), 'Ω & Söhne GmbH'])(
    'a sid for addresses is made of %j',
    async (name) => {
      const { document } = await json(['account', 'add', `--name=${name}`])
      expect((document['account'] as Json)['sid']).toMatch(/^[a-z][a-z0-9-]{1,30}-[a-z0-9]{4}$/)
    },
  )

  test('a sid that is taken is refused', async () => {
    await addAccount('--sid', 'acme')
    const { code, document } = await json(['account', 'add', '--name', 'Other', '--sid', 'acme'])
    expect(code).toBe(1)
    expect(document).toEqual({
      error: { code: 'duplicate_transaction', message: expect.stringContaining('sid') },
    })
  })

  test('list shows all accounts', async () => {
    expect((await pinbridge(['account', 'list'])).stdout).toBe('There is no account yet.\n')
    await addAccount('--sid', 'acme')
    expect((await pinbridge(['account', 'list'])).stdout).toMatch(
      /^SID +NAME .*\nacme +Acme +IN +Asia\/Kolkata +a\n$/,
    )
    expect((await json(['account', 'list'])).document).toMatchObject({
      accounts: [{ sid: 'acme', name: 'Acme' }],
    })
  })
})

describe('number add', () => {
  test('gives a number, as E.164, to one account only', async () => {
    await addAccount('--sid', 'acme')
    const added = await json(['number', 'add', '080 1234 5678', '--account', 'acme'])
    expect(added).toEqual({
      code: 0,
      document: { number: { number: '+918012345678', account: 'acme', flow: 'masking' } },
    })
    const store = openSqlite(path.join(data, 'pinbridge.db'))
    cleanups.push(() => store.close())
    expect((await store.findNumber('+918012345678'))?.account.sid).toBe('acme')

    const again = await json(['number', 'add', '+91 80 1234 5678', '--account', 'acme'])
    expect([again.code, again.document]).toMatchObject([1, { error: { code: 'number_taken' } }])
  })

  test('with the flow pin-line: the callers key PINs of a database', async () => {
    await addAccount('--sid', 'acme')
    const line = ['--account', 'acme', '--flow', 'pin-line']
    const [first, seventh] = [
      await json(['number', 'add', '080 1234 5678', ...line]),
      await json(['number', 'add', '080 1234 5679', ...line, '--db', '7']),
    ]
    const shown = { account: 'acme', flow: 'pin-line' }
    expect(first.document).toEqual({ number: { number: '+918012345678', ...shown, database: 1 } })
    expect(seventh.document).toEqual({ number: { number: '+918012345679', ...shown, database: 7 } })
    const store = openSqlite(path.join(data, 'pinbridge.db'))
    cleanups.push(() => store.close())
    expect((await store.findNumber('+918012345678'))?.number).toMatchObject({ flow: 'pin-line', database: 1 })
    expect((await store.findNumber('+918012345679'))?.number).toMatchObject({ flow: 'pin-line', database: 7 })
    const { stdout } = await pinbridge(['number', 'add', '080 1234 5680', ...line])
    expect(stdout).toContain('is answered by pin-line with the PINs of database 1')
  })

  test('refuses what is no number and who is no account', async () => {
    await addAccount('--sid', 'acme')
    const [number, account] = await Promise.all([
      json(['number', 'add', '12', '--account', 'acme']),
      json(['number', 'add', '+918012345678', '--account', 'nobody']),
    ])
    expect([number.code, number.document]).toMatchObject([1, { error: { code: 'invalid_number' } }])
    expect([account.code, account.document]).toMatchObject([1, { error: { code: 'not_found' } }])
  })
})

describe('serve', () => {
  test('goes on and stops in order although nobody reads its log any more', async () => {
    const { child, ended, http } = await serving()
    child.stdout.destroy()
    child.stderr.destroy()
    for (let n = 0; n < 50; n++) expect((await fetch(`${http}/nowhere`)).status).toBe(404)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  test('says where it is ready, makes its secrets, and stops when asked to', async () => {
    const { child, ended, lines, http } = await serving()
    expect(http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await fetch(`${http}/livez`)).status).toBe(200)
    const mode = (name: string) => (statSync(path.join(data, name)).mode & 0o777).toString(8)
    expect([mode('.'), mode('secrets.json')]).toEqual(['700', '600'])
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(lines().map(({ msg }) => msg)).toEqual(expect.arrayContaining(['ready', 'stopping', 'stopped']))
  })

  test('takes accounts that are added while it runs', async () => {
    const { http } = await serving()
    const { sid, key, token } = await addAccount()
    const status = async (user: string, password: string) => {
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
      return (await fetch(`${http}/v1/tenants/${sid}/greenpin/none`, { headers: { authorization } })).status
    }
    expect(await status(key, 'wrong')).toBe(401)
    expect([await status(key, token), await status(sid, token)]).toEqual([404, 404])
  })

  test('a second signal ends it at once, even while it cannot finish starting', async () => {
    // A builder of the root folder that never comes to an end keeps it starting.
    const tools = path.join(folder, 'tools')
    mkdirSync(tools)
    writeFileSync(path.join(tools, 'mmdebstrap'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 })
    const env = { PATH: `${tools}:${process.env['PATH'] ?? ''}`, PINBRIDGE_CACHE: path.join(folder, 'cache') }
    const child = spawn(process.execPath, [BIN, 'serve'], {
      env: environment({ ...env, PINBRIDGE_HTTP_PORT: '0' }),
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    cleanups.push(() => process.kill(-Number(child.pid), 'SIGKILL'))
    const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes('rootfs: building')) resolve()
      })
    })
    child.kill('SIGTERM')
    // What npm passes on besides the terminal itself is the same signal still.
    child.kill('SIGTERM')
    const first = await Promise.race([
      exited,
      new Promise((resolve) => setTimeout(resolve, 700, 'still there')),
    ])
    expect(first).toBe('still there')
    child.kill('SIGTERM')
    expect(await exited).toBe(143)
  })

  test('a taken port ends it with 1', async () => {
    const port = await serverOf(() => 404)
    const env = { ...HTTP_ONLY, PINBRIDGE_HTTP_PORT: String(port) }
    const { code, document } = await json(['serve'], env)
    expect([code, document]).toMatchObject([1, { error: { code: 'EADDRINUSE' } }])
  })

  test('an Asterisk that cannot be had ends it with 1, although HTTP is up by then', async () => {
    const tools = path.join(folder, 'tools')
    mkdirSync(tools)
    writeFileSync(path.join(tools, 'mmdebstrap'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const env = { PATH: `${tools}:${process.env['PATH'] ?? ''}`, PINBRIDGE_CACHE: path.join(folder, 'cache') }
    const { code, stdout } = await pinbridge(['serve', '--json'], { ...env, PINBRIDGE_HTTP_PORT: '0' })
    expect(code).toBe(1)
    const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Json
    expect(last).toMatchObject({ error: { message: expect.stringContaining('No root folder for Asterisk') } })
  })

  test('secrets that others may read end it with 78', async () => {
    mkdirSync(data)
    writeFileSync(path.join(data, 'secrets.json'), '{}', { mode: 0o644 })
    const { code, document } = await json(['serve'], HTTP_ONLY)
    expect([code, document]).toMatchObject([78, { error: { code: 'config' } }])
  })
})

describe('doctor', () => {
  type Check = { name: string; state: string; found: string; todo?: string }

  async function doctor(env: Env): Promise<{ code: number; checks: Record<string, Check> }> {
    const { code, document } = await json(['doctor'], env)
    const checks = document['checks'] as Check[]
    expect(document['ok']).toBe(code === 0)
    expect(
      checks.every(
        ({ state, todo, found }) => state === 'ok' || todo !== undefined || found.includes('chmod'),
      ),
    ).toBe(true)
    return { code, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
  }

  const states = (checks: Record<string, Check>) =>
    Object.fromEntries(Object.entries(checks).map(([name, { state }]) => [name, state]))

  test('finds nothing wrong where nothing has been started yet, and makes nothing', async () => {
    mkdirSync(path.join(folder, 'cache', 'rootfs-0123456789ab'), { recursive: true })
    const env = { PINBRIDGE_CACHE: path.join(folder, 'cache'), PINBRIDGE_HTTP_PORT: '0' }
    const ports = { PINBRIDGE_SIP_PORT: '15998', PINBRIDGE_ARI_PORT: '15999' }
    const { code, checks } = await doctor({ ...env, ...ports })
    expect(code).toBe(0)
    expect(Object.values(states(checks))).toEqual(Array.from({ length: 10 }, () => 'ok'))
    expect(checks['Asterisk']?.found).toBe('does not run; pinbridge serve starts it')
    expect(readdirSync(folder)).toEqual(['cache'])
  })

  test('knows the application that runs', async () => {
    const port = await serverOf(() => ({ status: 'ok' }))
    const busy = { PINBRIDGE_ASTERISK: 'none', PINBRIDGE_HTTP_PORT: String(port) }
    const foreign = await doctor(busy)
    expect([foreign.code, foreign.checks['HTTP port']?.state]).toEqual([1, 'fail'])

    const { http } = await serving()
    const own = await doctor({ ...busy, PINBRIDGE_HTTP_PORT: new URL(http).port })
    expect(own.code).toBe(0)
    expect(own.checks['HTTP port']?.found).toMatch(/^pinbridge serves /)
  })

  test('tells what is open, damaged or taken, and for people too', async () => {
    await addAccount()
    chmodSync(data, 0o755)
    writeFileSync(path.join(data, 'secrets.json'), '{}', { mode: 0o644 })
    chmodSync(path.join(data, 'secrets.json'), 0o644)
    const file = path.join(data, 'pinbridge.db')
    writeFileSync(file, readFileSync(file).fill(0x5a, 4096, 8192))
    const open = { PINBRIDGE_HTTP_HOST: '0.0.0.0', PINBRIDGE_AGI_HOST: '0.0.0.0', PINBRIDGE_AGI_PORT: '4573' }
    const env = { ...HTTP_ONLY, ...open, PINBRIDGE_WEBHOOK_PRIVATE: 'true' }
    const { code, checks } = await doctor(env)
    expect(code).toBe(1)
    expect(states(checks)).toEqual({
      ...{ Node: 'ok', SQLite: 'ok', 'HTTP port': 'ok', Asterisk: 'ok' },
      ...{ 'data folder': 'warn', webhooks: 'warn', 'HTTP exposure': 'warn' },
      ...{ 'FastAGI exposure': 'warn' },
      ...{ secrets: 'fail', database: 'fail' },
    })
    const { stdout } = await pinbridge(['doctor'], env)
    expect(stdout).toMatch(/^warn {2}data folder: .*, mode 755\n {6}Others can look into it.*: chmod 700 /m)
    expect(stdout).toMatch(/\n2 of 10 failed\.\n$/)
  })

  describe('asks an Asterisk', () => {
    const password = 'Zr8-kwLq02_vbnTy'
    const read = (name: string) => readFileSync(path.join(CHECKOUT, name), 'utf8')
    const listed = Array.from(
      read('asterisk-docker/etc/modules.conf').matchAll(/^load=(\S+)/gm),
      ([, name]) => name,
    )
    const prompts = read('sounds/prompts.csv')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))

    /** What a well one answers. */
    const well = () => ({
      '/ari/asterisk/info': { system: { version: '22.10.1+dfsg' } },
      '/ari/asterisk/modules': [...listed, 'acl'].map((name) => ({ name, status: 'Running' })),
      '/ari/sounds': prompts.map(([, language, id]) => ({ id, formats: [{ language, format: 'wav' }] })),
    })

    async function ask(answers: Record<string, unknown>, secret = password) {
      const port = await serverOf((url, login) => (login === `ivr:${password}` ? (answers[url] ?? 404) : 401))
      const foreign = { PINBRIDGE_ARI_USER: 'ivr', PINBRIDGE_ARI_PASSWORD: secret, PINBRIDGE_HTTP_PORT: '0' }
      return doctor({ ...foreign, PINBRIDGE_ARI_URL: `http://127.0.0.1:${port}` })
    }

    test('that is well', async () => {
      const { code, checks } = await ask(well())
      expect([code, ...['Asterisk', 'modules', 'prompts'].map((name) => checks[name]?.state)]).toEqual([
        0,
        'ok',
        'ok',
        'ok',
      ])
    })

    test('that is too old, lacks a module and a prompt', async () => {
      const [module, prompt] = ['/ari/asterisk/modules', '/ari/sounds'] as const
      const { code, checks } = await ask({
        '/ari/asterisk/info': { system: { version: '22.9.3' } },
        [module]: well()[module].map((one, i) => (i === 3 ? { ...one, status: 'Not Running' } : one)),
        [prompt]: well()[prompt].slice(1),
      })
      expect(code).toBe(1)
      expect(checks).toMatchObject({
        Asterisk: { state: 'fail', found: expect.stringMatching(/^22\.9\.3 at /) },
        modules: { state: 'fail', found: `not running: ${listed[3]}` },
        prompts: { state: 'fail', found: expect.stringContaining('enter-pin') },
      })
    })

    test('that loads more than it needs', async () => {
      const modules = [...well()['/ari/asterisk/modules'], { name: 'app_system.so', status: 'Running' }]
      const { code, checks } = await ask({ ...well(), '/ari/asterisk/modules': modules })
      expect([code, checks['modules']]).toMatchObject([
        0,
        { state: 'warn', found: 'also loaded: app_system.so' },
      ])
    })

    test('that refuses the password, or is not there', async () => {
      const wrong = await ask(well(), 'another-long-one')
      expect([wrong.code, wrong.checks['Asterisk']]).toMatchObject([
        1,
        { found: expect.stringContaining('refuses') },
      ])
      const env = {
        PINBRIDGE_ARI_URL: 'http://127.0.0.1:15997',
        PINBRIDGE_ARI_USER: 'ivr',
        PINBRIDGE_ARI_PASSWORD: password,
      }
      const absent = await doctor({ ...env, PINBRIDGE_HTTP_PORT: '0' })
      expect([absent.code, absent.checks['Asterisk']]).toMatchObject([
        1,
        { found: expect.stringContaining('ECONNREFUSED') },
      ])
    })
  })
})
