import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { LINE_CONTEXT, lineObjects } from '../src/calls/line-objects.ts'

const SHIPPED = path.resolve(import.meta.dirname, '../asterisk-docker')
const read = (file: string) => readFileSync(path.join(SHIPPED, file), 'utf8')

/** What start.sh puts in for a template's words where nobody sets them. */
const defaults = new Map(
  Array.from(read('start.sh').matchAll(/\$\{(\w+):=([^}]*)\}/g), ([, name = '', value = '']) => [
    name,
    value,
  ]),
)

type Line = { section: string; key: string; value: string; commented: boolean }

/** The lines of a file with their defaults. `commented`: the line above says why it is as it is. */
function linesOf(file: string): Line[] {
  let section = ''
  return read(`etc/${file}`)
    .split('\n')
    .flatMap((line, i, all) => {
      section = /^\[(.+)\]/.exec(line)?.[1] ?? section
      const [, key, value] = /^(\w[\w.]*)\s*=>?\s*(.*)$/.exec(line) ?? []
      if (key === undefined || value === undefined) return []
      const filled = value.replaceAll(/@(\w+)@/g, (word, name: string) => defaults.get(name) ?? word)
      return [{ section, key, value: filled, commented: all[i - 1]?.startsWith(';') ?? false }]
    })
}

const comments = (file: string) =>
  read(`etc/${file}`)
    .split('\n')
    .filter((line) => line.startsWith(';'))
    .join('\n')

/** What hardens an Asterisk, by file and section. */
const HARDENED = [
  [
    'http.conf',
    'general',
    { enabled: 'yes', bindaddr: '127.0.0.1', enable_static: 'no', enable_status: 'no' },
  ],
  ['http.conf', 'general', { servername: '', sessionlimit: '32' }],
  ['ari.conf', 'general', { enabled: 'yes', pretty: 'no', websocket_write_timeout: '2000' }],
  ['ari.conf', 'pinbridge', { type: 'user', read_only: 'no', password_format: 'plain' }],
  ['ari.conf', 'pinbridge', { deny: '0.0.0.0/0.0.0.0 ::/0', permit: '127.0.0.1,::1' }],
  ['asterisk.conf', 'options', { live_dangerously: 'no', disable_remote_console_shell: 'yes' }],
  ['asterisk.conf', 'options', { runuser: 'asterisk', rungroup: 'asterisk' }],
  ['asterisk.conf', 'options', { maxcalls: '2000', maxload: 'some', minmemfree: 'some' }],
  ['manager.conf', 'general', { enabled: 'no', webenabled: 'no' }],
  ['logger.conf', 'logfiles', { 'messages.log': 'notice,warning,error', 'security.log': 'security' }],
  ['rtp.conf', 'general', { strictrtp: 'yes', icesupport: 'no' }],
  ['modules.conf', 'modules', { autoload: 'no' }],
  ['pjsip.conf', 'global', { endpoint_identifier_order: 'ip,username', user_agent: '' }],
  ['pjsip.conf', 'trunk', { identify_by: 'ip' }],
  ['pjsip.conf', 'trunk', { allow: '!all,ulaw,alaw', dtmf_mode: 'rfc4733', direct_media: 'no' }],
  ['pjsip.conf', 'trunk', { trust_id_inbound: 'no', trust_id_outbound: 'no', trust_connected_line: 'no' }],
  [
    'pjsip.conf',
    'trunk',
    { send_pai: 'no', send_rpid: 'no', send_connected_line: 'no', send_diversion: 'no' },
  ],
  ['pjsip.conf', 'trunk', { allow_transfer: 'no', allow_subscribe: 'no', redirect_method: 'user' }],
  ['pjsip.conf', 'trunk', { rtp_symmetric: 'no', rtp_timeout: '60', rtp_timeout_hold: '300', timers: 'yes' }],
] as const

/** What is shipped instead; '' is nothing at all. The files say why. */
const DEVIATIONS: Record<string, string> = {
  sessionlimit: '1000',
  websocket_write_timeout: '5000',
  dtmf_mode: 'auto',
  runuser: '',
  rungroup: '',
  maxload: '',
  minmemfree: '',
}

describe.each(HARDENED)('%s [%s]', (file, section, wanted) => {
  test.each(Object.entries(wanted))('%s=%s, or a comment says why not', (key, value) => {
    const there = linesOf(file).filter((line) => line.section === section && line.key === key)
    expect(there.map((line) => line.value).join(' ')).toBe(DEVIATIONS[key] ?? value)
    if (key in DEVIATIONS && DEVIATIONS[key] === '') expect(comments(file)).toContain(key)
    else if (key in DEVIATIONS) expect(there[0]?.commented).toBe(true)
  })
})

describe('what must not be there', () => {
  const loaded = linesOf('modules.conf')
    .filter(({ key }) => key === 'load')
    .map(({ value }) => value.replace(/\.so$/, ''))

  test.each([
    ...['chan_unistim', 'chan_ooh323', 'chan_iax2', 'app_sms', 'app_system', 'app_externalivr', 'res_xmpp'],
    ...['res_config_ldap', 'cel_pgsql', 'cel_tds', 'codec_codec2', 'format_ogg_speex', 'res_phoneprov'],
    ...[
      'res_pjsip_mwi',
      'res_pjsip_exten_state',
      'res_pjsip_messaging',
      'res_pjsip_publish',
      'res_pjsip_refer',
    ],
    ...['func_shell', 'func_curl', 'res_http_media_cache', 'res_hep', 'res_stun_monitor', 'res_stir_shaken'],
    'res_pjsip_endpoint_identifier_anonymous',
  ])('a module %s*', (name) => {
    expect(loaded.filter((module) => module.startsWith(name))).toEqual([])
  })

  test.each(['pubsub', 'res_agi', 'res_speech'])('%s, but a comment says why it is', (name) => {
    expect(comments('modules.conf')).toContain(name)
  })

  test('a module twice, and a file of a module that is not loaded', () => {
    expect(loaded.length).toBeGreaterThan(40)
    expect(new Set(loaded).size).toBe(loaded.length)
    expect(existsSync(path.join(SHIPPED, 'etc/stir_shaken.conf'))).toBe(false)
  })

  test('digits in a log', () => {
    for (const { section, value } of linesOf('logger.conf'))
      if (section === 'logfiles') expect(value).not.toMatch(/dtmf|debug|verbose|\*/)
  })

  test('another website that ARI obeys, or another way to be let in', () => {
    expect(linesOf('ari.conf').map(({ key }) => key)).not.toContain('allowed_origins')
    const pjsip = linesOf('pjsip.conf')
    expect(pjsip.map(({ section }) => section)).not.toContain('anonymous')
    expect(pjsip.filter(({ key }) => key === 'type').map(({ value }) => value)).toEqual([
      ...['system', 'global', 'transport', 'endpoint', 'aor', 'identify'],
    ])
  })
})

test('VoIP lines are as hard as the trunk, but for what telephones need', () => {
  const different = {
    ...{ identify_by: 'username', context: LINE_CONTEXT, aors: 'bob', dtmf_mode: 'auto_info' },
    // They may be behind NAT, and are known by their password.
    rtp_symmetric: 'yes',
  }
  const trunk = linesOf('pjsip.conf').filter(({ section }) => section === 'trunk')
  const [, , endpoint] = lineObjects(
    { username: 'bob', accountId: '', cardId: 1, password: 'secret', createdAt: 0 },
    'pinbridge',
    [],
  )
  const options = { type: 'endpoint', ...endpoint!.options }
  // The other sections of that name are its address and how it is known; no line has a transport of its own.
  const others = ['contact', 'qualify_frequency', 'endpoint', 'match', 'srv_lookups', 'transport']
  for (const { key, value } of trunk.filter(({ key }) => key !== 'type' && !others.includes(key)))
    expect({ [key]: { ...options }[key] }).toEqual({ [key]: { ...different }[key] ?? value })
})

test('there are two audio ports for each channel that may be, below those that the kernel gives away', () => {
  const [first = NaN, last = NaN, calls = NaN] = ['RTP_START', 'RTP_END', 'MAX_CALLS'].map((name) =>
    Number(defaults.get(name)),
  )
  expect(last - first + 1).toBeGreaterThanOrEqual(2 * calls)
  expect(last).toBeLessThan(32_768)
})

test('every word of a template is one that start.sh fills in', () => {
  const filled = new Set(Array.from(read('start.sh').matchAll(/s\|@(\w+)@\|/g), ([, name]) => name))
  for (const file of ['ari', 'asterisk', 'extensions', 'http', 'pjsip', 'rtp'])
    for (const [, name] of read(`etc/${file}.conf`).matchAll(/@(\w+)@/g)) expect([...filled]).toContain(name)
})
