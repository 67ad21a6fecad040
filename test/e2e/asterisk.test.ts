import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { sippCommand } from '../../src/asterisk.ts'
import { isAtLeast } from '../../src/cli/check.ts'
import { bringUp, hangUp, RTP_FIRST, talking, type BareAsterisk } from '../support/bare-asterisk.ts'
import { listenersOf, livingOn } from '../support/processes.ts'
import { VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'

const CHECKOUT = path.resolve(import.meta.dirname, '../..')
const FIRST_START_MS = 600_000

const read = (file: string) => readFileSync(path.join(CHECKOUT, file), 'utf8')

let asterisk: BareAsterisk

beforeAll(async () => {
  asterisk = await bringUp()
}, FIRST_START_MS)
beforeEach(() => {
  asterisk.arrivals.splice(0)
})
afterAll(() => asterisk.close(), 30_000)

describe('as shipped', () => {
  test('it is a version without the known holes', async () => {
    const { body } = await asterisk.ari('GET', 'asterisk/info')
    const { version } = (JSON.parse(body) as { system: { version: string } }).system
    expect(isAtLeast(version, '22.10.1')).toBe(true)
  })

  test('the modules that are listed run, and no others', async () => {
    const { body } = await asterisk.ari('GET', 'asterisk/modules')
    const modules = JSON.parse(body) as { name: string; status: string }[]
    // Without the ending are the parts of Asterisk itself.
    const loaded = modules.filter(({ name }) => name.endsWith('.so'))
    const listed = Array.from(
      read('asterisk-docker/etc/modules.conf').matchAll(/^load=(\S+)/gm),
      ([, name]) => name,
    )
    expect(loaded.map(({ name }) => name).sort()).toEqual(listed.sort())
    expect(new Set(loaded.map(({ status }) => status))).toEqual(new Set(['Running']))
  })

  test('every prompt of the list can be played', async () => {
    const { body } = await asterisk.ari('GET', 'sounds')
    const sounds = JSON.parse(body) as { id: string; formats: { language: string }[] }[]
    const there = sounds.flatMap(({ id, formats }) => formats.map(({ language }) => `${language}/${id}`))
    const rows = read('sounds/prompts.csv').trim().split('\n').slice(1)
    expect(there).toEqual(expect.arrayContaining(rows.map((row) => row.split(',').slice(1, 3).join('/'))))
  })

  test('it is reached at SIP and ARI only, and in a call at its audio ports', async () => {
    const { ariPort, sipPort, rtpStart, rtpEnd } = asterisk.settings
    const fixed = [
      { kind: 'tcp', address: '127.0.0.1', port: ariPort },
      { kind: 'udp', address: '127.0.0.1', port: sipPort },
    ]
    expect(listeners()).toEqual(fixed)
    const call = await talking(asterisk, VN_A)
    const audio = listeners().filter(({ port }) => port >= rtpStart && port <= rtpEnd)
    expect(audio.map(({ kind, address }) => [kind, address])).toEqual([
      ['udp', '127.0.0.1'],
      ['udp', '127.0.0.1'],
    ])
    expect(listeners()).toHaveLength(fixed.length + audio.length)
    await hangUp(asterisk, call)
  })

  /**
   * TCP first, without two that cannot be helped: wherever a name server is configured, PJSIP's own DNS client binds a
   * port of the kernel's choice for each kind of IP, and no setting keeps it from that (res_pjsip/config_system.c). A
   * firewall that lets in SIP and audio only, as the README asks for, keeps everybody away from them.
   */
  function listeners() {
    const isAnywhere = ({ address }: { address: string }) => /^(0\.0\.0\.0|0{32})$/.test(address)
    const all = listenersOf(asterisk.pid).sort((a, b) => a.kind.localeCompare(b.kind))
    const dns = all.filter((one) => one.kind === 'udp' && isAnywhere(one)).map(({ address }) => address)
    expect(new Set(dns).size).toBe(dns.length)
    return all.filter((one) => one.kind === 'tcp' || !isAnywhere(one))
  }

  test.each(['pinbridge:wrong-but-long-enough', 'pinbridge:', 'asterisk:asterisk', 'admin:admin', ''])(
    'ARI refuses the login %j',
    async (login) => {
      const places = ['asterisk/info', 'channels', 'events?app=pinbridge']
      for (const place of places) expect((await asterisk.ari('GET', place, login)).status).toBe(401)
      expect((await asterisk.ari('GET', 'asterisk/info')).status).toBe(200)
    },
  )

  test('whoever has the password still reads, runs and writes nothing of the machine', async () => {
    const call = await talking(asterisk, VN_A)
    const variable = (name: string) => `channels/${call.id}/variable?variable=${encodeURIComponent(name)}`
    expect((await asterisk.ari('GET', variable('CALLERID(num)'))).body).toBe('{"value":"+919811111111"}')
    const reads = [
      'SHELL(id)',
      'FILE(/etc/passwd,0,99)',
      'ENV(PATH)',
      'STAT(s,/etc/passwd)',
      'CURL(http://127.0.0.1)',
    ]
    for (const name of [...reads, 'AST_CONFIG(ari.conf,pinbridge,password)', 'DB(a/b)'])
      expect((await asterisk.ari('GET', variable(name))).status).toBe(500)
    for (const name of [...reads, 'EVAL(${SHELL(id)})', 'ARI_PASSWORD']) {
      const global = await asterisk.ari('GET', `asterisk/variable?variable=${encodeURIComponent(name)}`)
      expect(global.body).toBe('{"value":""}')
    }
    expect((await asterisk.ari('GET', variable('EVAL(${SHELL(id)})'))).body).toBe('{"value":""}')
    for (const name of ['FILE(/srv/asterisk/written)', 'SHELL(touch /srv/asterisk/written)'])
      await asterisk.ari('POST', `${variable(name)}&value=x`)
    expect(existsSync(path.join(asterisk.folder, 'written'))).toBe(false)
    await hangUp(asterisk, call)
  })

  test.each([
    ...['s', 'h', 'i', 't', '*72123456', '12', '1'.repeat(16), '1'.repeat(100), '4420...', '123a', '123)'],
    ...[
      '123/456',
      '123,1',
      '123%26PJSIP%2f9',
      '+916292134471%40evil',
      '%24%7BSHELL(id)%7D',
      '123%0d%0aX:%20y',
    ],
    '123%24%7BSHELL(id)%7D',
  ])('whoever dials %s reaches nobody', async (dialled) => {
    const phone = await asterisk.call(dialled, 404)
    expect(await phone.ended).toBe(0)
    expect(asterisk.arrivals).toEqual([])
  })

  test.each([`${VN_A};npdi=yes`, `${VN_A}%3Bnpdi=yes`, `${VN_A}:secret`, `${VN_A}%00`])(
    'of %s nothing but the number reaches the application',
    async (dialled) => {
      const call = await talking(asterisk, dialled)
      expect(call.exten).toBe(VN_A)
      await hangUp(asterisk, call)
    },
  )

  test('SIPp and Asterisk are entered from the path of an ordinary user', async () => {
    const { command, args } = await sippCommand(asterisk.folder, ['-v'])
    // SIPp tells its version with an exit code of its own; what cannot be entered gives 127.
    const said = `${command} "$@"; test $? -ne 127`
    const output = execFileSync('/bin/sh', ['-c', said, 'sh', ...args], { env: { PATH: '/usr/bin:/bin' } })
    expect(output.toString()).toContain('SIPp v')
  })

  test('nothing of all this is an error to it but the functions that it does not have', () => {
    const errors = asterisk
      .log()
      .split('\n')
      .filter((line) => line.includes('ERROR'))
    expect(errors.filter((line) => !/Function \w+ not registered$/.test(line))).toEqual([])
  })
})

describe('a second one beside it', () => {
  const PUBLIC = '203.0.113.7'
  let second: BareAsterisk

  beforeAll(async () => {
    second = await bringUp({
      rtpStart: RTP_FIRST + 1_000,
      rtpEnd: RTP_FIRST + 1_999,
      trunkMatch: '127.0.0.2,127.1.0.0/16',
      externalAddress: PUBLIC,
    })
  }, 60_000)
  afterAll(() => second.close(), 30_000)

  test('each answers for itself, and to its own password only', async () => {
    const pid = 'asterisk/variable?variable=PINBRIDGE_PID'
    for (const one of [asterisk, second])
      expect((await one.ari('GET', pid)).body).toBe(`{"value":"${one.pid}"}`)
    const login = `pinbridge:${asterisk.settings.ariPassword}`
    expect((await second.ari('GET', pid, login)).status).toBe(401)
    const [first, other] = [livingOn(asterisk.folder), livingOn(second.folder)]
    expect([first, other]).toEqual([[asterisk.pid], [second.pid]])
  })

  test('calls come from where it is told, in place of the host that they go to', async () => {
    for (const address of ['127.0.0.2', '127.1.2.3'])
      await hangUp(second, await talking(second, VN_A, address))
    const reached = second.arrivals.length
    expect(await (await second.call(VN_A, 401, '127.0.0.1')).ended).toBe(0)
    expect([second.arrivals.length, asterisk.arrivals.length]).toEqual([reached, 0])
  })

  test('behind NAT it has a public address, which who is in a private network is not told', async () => {
    const { body } = await second.ari('GET', 'asterisk/config/dynamic/res_pjsip/transport/udp')
    const transport = JSON.parse(body) as { attribute: string; value: string }[]
    const valueOf = (name: string) => transport.find(({ attribute }) => attribute === name)?.value
    expect(valueOf('external_media_address')).toBe(PUBLIC)
    expect(valueOf('external_signaling_address')).toBe(PUBLIC)
    const call = await talking(second, VN_A, '127.0.0.2')
    const answer = /^SIP\/2\.0 200 OK.*?(?=^-{20})/ms.exec(call.phone.messages())?.[0] ?? ''
    expect(answer).toContain(`Contact: <sip:127.0.0.1:${second.settings.sipPort}>`)
    expect(answer).toContain('c=IN IP4 127.0.0.1')
    expect(answer).not.toContain(PUBLIC)
    await hangUp(second, call)
  })

  test('nothing of this is an error to it', () => {
    expect(second.log()).not.toContain('ERROR')
  })

  test('stopping leaves no process of it, and the other one alone', async () => {
    await second.stop()
    expect(livingOn(second.folder)).toEqual([])
    await until(() => expect(existsSync(`/proc/${second.pid}`)).toBe(false))
    expect((await asterisk.ari('GET', 'asterisk/info')).status).toBe(200)
    await hangUp(asterisk, await talking(asterisk, VN_A))
  })
})
