import { isIP } from 'node:net'
import * as z from 'zod'

/** Everything may be written as text, as the environment knows nothing else. */
const whole = (min: number, max: number) =>
  z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.int().min(min).max(max))
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')])
/** The empty message stands for the setting's "Unit or form". */
const text = (test: (value: string) => boolean) => z.string().refine(test, { error: '' })

const isHost = (name: string) => isIP(name) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)
const isPort = (port: number) => port >= 1 && port <= 65_535
const ip = text((value) => isIP(value) !== 0)
const ipv4 = text((value) => isIP(value) === 4)
const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
const WEAK = /^(asterisk|admin|secret|demo|password|pinbridge|changeme|qwerty|[-_.!0-9])+$/i

const ariUrl = text((value) => /^https?:\/\/[^/?#]+\/?$/i.test(value) && URL.canParse(value))
  .refine((value) => !/\/\/[^/]*@/.test(value), {
    error: 'credentials in an address end up in logs, use PINBRIDGE_ARI_USER and PINBRIDGE_ARI_PASSWORD',
  })
  .transform((value) => new URL(value).origin)

const publicUrl = text((value) => /^https?:\/\/[^?#@]+$/i.test(value) && URL.canParse(value)).transform(
  (value) => value.replace(/\/+$/, ''),
)

const ariPassword = text((value) => value.length >= 16).refine(
  (value) => !WEAK.test(value) && new Set(value).size >= 6,
  { error: 'easily guessed, "openssl rand -base64 32" makes one that is not' },
)

const trunk = text((value) => /^(\[[0-9a-f:.]+\]|[^:[\]]+):\d{1,5}$/i.test(value))
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    const host = value.slice(0, colon).replace(/^\[|\]$/g, '')
    return Object.freeze({ host, port: Number(value.slice(colon + 1)) })
  })
  .refine(({ host, port }) => isHost(host) && isPort(port), { error: '' })

/** `198.51.100.7` or `198.51.100.0/24`. Not `/0`: a trunk that is anybody is none. */
function isNetwork(written: string): boolean {
  const [, address = '', , prefix = '1'] = /^([0-9a-f:.]+)(\/(\d{1,3}))?$/i.exec(written) ?? []
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? 0
  return Number(prefix) >= 1 && Number(prefix) <= bits
}

const networks = text((value) => value.split(',').every((part) => isNetwork(part.trim()))).transform(
  (value) => value.replaceAll(/\s/g, ''),
)

const rtpPorts = text((value) => /^\d{4,5}-\d{4,5}$/.test(value))
  .transform((value) => {
    const [first = 0, last = 0] = value.split('-').map(Number)
    return Object.freeze({ first, last })
  })
  .refine(({ first, last }) => first >= 1024 && isPort(last) && last - first >= 3, { error: '' })

const contexts = text((value) =>
  value.split(',').every((name) => /^[\w-]{1,79}$/.test(name.trim())),
).transform((value) => Object.freeze(value.split(',').map((name) => name.trim())))

/** What each setting may be. The defaults are in the table of settings.ts. */
export const SCHEMA = z.strictObject({
  data: text((value) => value !== ''),
  http: z
    .strictObject({ host: text(isHost), port: whole(0, 65_535), publicUrl: publicUrl.optional() })
    .readonly(),
  asterisk: z
    .strictObject({
      mode: z.enum(['local', 'none']),
      ariUrl: ariUrl.optional(),
      ariUser: text((value) => /^[\w.-]+$/.test(value)).optional(),
      ariPassword: ariPassword.optional(),
      ariPort: whole(1, 65_535),
      application: text((value) => /^[\w-]+$/.test(value)),
      recordings: text((value) => value.startsWith('/')).optional(),
    })
    .readonly(),
  sip: z
    .strictObject({
      host: ip,
      port: whole(1, 65_535),
      trunk,
      trunkMatch: networks.optional(),
      rtpPorts,
      mediaAddress: ip.optional(),
      externalAddress: ipv4.optional(),
      dtmf: z.enum(['auto_info', 'auto', 'rfc4733', 'info', 'inband']),
      country: text((value) => /^[A-Z]{2}$/.test(value) && regions.of(value) !== undefined).optional(),
    })
    .readonly(),
  digits: z
    .strictObject({ firstMs: whole(500, 60_000), nextMs: whole(500, 60_000), totalMs: whole(500, 300_000) })
    .readonly(),
  pins: z.strictObject({ range: whole(1, 10_000_000), contexts: contexts.optional() }).readonly(),
  fastagi: z.strictObject({ host: ip, port: whole(0, 65_535).optional() }).readonly(),
  webhooks: z.strictObject({ allowPrivate: flag }).readonly(),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']) })
    .readonly(),
})

/** Frozen. Absolute paths; ports and milliseconds are integers. */
export type Config = Readonly<z.output<typeof SCHEMA>>
