import { lookup, Resolver } from 'node:dns/promises'
import { BlockList, isIP, type IPVersion, type LookupFunction } from 'node:net'

const PUBLIC_PORTS = new Set(['', '443', '8443'])

/** `allowPrivate`: loopback and private receivers, plain http and any port, for laboratories and one-box installations. */
export type GuardPolicy = { allowPrivate: boolean }

/** A receiver that may be connected to, at these addresses and no others. */
export type Receiver = { url: URL; addresses: string[] }

/** Why a receiver may not be connected to. */
export type Refused = { refused: 'not a URL' | 'scheme' | 'credentials' | 'port' | 'address' }

/** All addresses of a name, of both families; rejects or resolves to nothing when there are none. */
export type Resolve = (hostname: string) => Promise<string[]>

/**
 * Checks where an account's endpoint leads before anything is sent there, so that an endpoint cannot be used to reach
 * what only this machine reaches. The name is resolved once and refused if any of its addresses is not allowed:
 * connect through `pinned`, which cannot be told another address later (DNS rebinding).
 */
export async function checkReceiver(
  endpoint: string,
  policy: GuardPolicy,
  resolve: Resolve = policy.allowPrivate ? bySystem : byDns(new Resolver({ timeout: 3_000, tries: 2 })),
): Promise<Receiver | Refused> {
  const url = checkUrl(endpoint, policy)
  if ('refused' in url) return url
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const addresses = isIP(host) ? [host] : await resolve(host)
  const allowed = addresses.length > 0 && addresses.every((address) => isAllowed(address, policy))
  return allowed ? { url, addresses } : { refused: 'address' }
}

/** The half of the check that needs no resolver: scheme, credentials and port. */
function checkUrl(endpoint: string, { allowPrivate }: GuardPolicy): URL | Refused {
  const url = URL.parse(endpoint)
  if (!url) return { refused: 'not a URL' }
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) return { refused: 'scheme' }
  if (url.username !== '' || url.password !== '') return { refused: 'credentials' }
  if (!allowPrivate && !PUBLIC_PORTS.has(url.port)) return { refused: 'port' }
  return url
}

const FOUND: Record<Refused['refused'], string> = {
  'not a URL': 'no address',
  scheme: 'another protocol',
  credentials: 'credentials',
  port: 'another port',
  address: 'another kind of address',
}

/**
 * Why nothing would ever be delivered to the endpoint, in words for whoever wants it to; undefined when nothing speaks
 * against it. Names are not looked up: what they lead to is checked at every delivery.
 */
export async function whyRefused(endpoint: string, policy: GuardPolicy): Promise<string | undefined> {
  const url = checkUrl(endpoint, policy)
  if (!('refused' in url) && !isIP(url.hostname.replaceAll(/[[\]]/g, ''))) return undefined
  const checked = await checkReceiver(endpoint, policy)
  if (!('refused' in checked)) return undefined
  const found = FOUND[checked.refused]
  if (policy.allowPrivate) return `Expected an http or https address without credentials, found ${found}.`
  return `Expected a public https address on port 443 or 8443, found ${found}. PINBRIDGE_WEBHOOK_PRIVATE=true allows others.`
}

/** A `lookup` for node:http(s) that knows the checked addresses and nothing else. */
export function pinned(addresses: string[]): LookupFunction {
  const known = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_hostname, options, done) => {
    const [first] = known
    if (!first) done(new Error('no checked address'), '')
    else if (options.all) done(null, known)
    else done(null, first.address, first.family)
  }
}

/** Names of a private network often stand in /etc/hosts, which only the system's resolver reads. */
async function bySystem(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address)
}

/**
 * Asks the name servers without getaddrinfo, whose four threads a stranger's slow name server would keep from
 * password hashing and files.
 */
export function byDns(resolver: Resolver): Resolve {
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (addresses.length === 0 && answers[0].status === 'rejected') throw answers[0].reason
    return addresses
  }
}

function isAllowed(address: string, { allowPrivate }: GuardPolicy): boolean {
  return isPublic(address) || (allowPrivate && isPrivate(address))
}

/** True for an address that the whole Internet reaches: not special-purpose, not multicast, not reserved. */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !SPECIAL_V4.check(address, 'ipv4')
    case 6:
      return GLOBAL_UNICAST_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6')
    default:
      return false
  }
}

function isPrivate(address: string): boolean {
  return isIP(address) === 4 ? PRIVATE_V4.check(address, 'ipv4') : PRIVATE_V6.check(address, 'ipv6')
}

// One family a table: BlockList takes every IPv4 address for its v4-mapped twin, so ::ffff:0:0/96 would match them all.

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later), and multicast. */
const SPECIAL_V4 = table('ipv4', [
  '0.0.0.0/8', // this network, RFC 791
  '10.0.0.0/8', // private, RFC 1918
  '100.64.0.0/10', // shared (carrier NAT), RFC 6598
  '127.0.0.0/8', // loopback, RFC 1122
  '169.254.0.0/16', // link-local and cloud metadata, RFC 3927
  '172.16.0.0/12', // private, RFC 1918
  '192.0.0.0/24', // IETF protocol assignments, RFC 6890
  '192.0.2.0/24', // documentation, RFC 5737
  '192.31.196.0/24', // AS112, RFC 7535
  '192.52.193.0/24', // AMT, RFC 7450
  '192.88.99.0/24', // 6to4 relays, RFC 7526
  '192.168.0.0/16', // private, RFC 1918
  '192.175.48.0/24', // AS112, RFC 7534
  '198.18.0.0/15', // benchmarks, RFC 2544
  '198.51.100.0/24', // documentation, RFC 5737
  '203.0.113.0/24', // documentation, RFC 5737
  '224.0.0.0/4', // multicast, RFC 5771
  '240.0.0.0/4', // reserved, RFC 1112, and broadcast
])

/**
 * All IPv6 that is routed (RFC 4291 section 2.4). Outside of it lie loopback, v4-mapped, NAT64 (64:ff9b::/96 and
 * 64:ff9b:1::/48), discard, segment routing, unique-local, link-local, site-local and multicast.
 */
const GLOBAL_UNICAST_V6 = table('ipv6', ['2000::/3'])

/** What the IANA IPv6 Special-Purpose Address Registry takes out of that. */
const SPECIAL_V6 = table('ipv6', [
  '2001::/23', // IETF protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID, AMT, DRIP
  '2001:db8::/32', // documentation, RFC 3849
  '2002::/16', // 6to4, RFC 3056
  '2620:4f:8000::/48', // AS112, RFC 7534
  '3fff::/20', // documentation, RFC 9637
])

/** Link-local is missing on purpose: clouds keep their credentials at 169.254.169.254, and no receiver lives there. */
const PRIVATE_V4 = table('ipv4', ['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])
const PRIVATE_V6 = table('ipv6', ['::1/128', 'fc00::/7'])

function table(family: IPVersion, ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}
