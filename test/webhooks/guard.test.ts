import { describe, expect, jest, test } from '@jest/globals'
import { checkReceiver, isPublic, pinned, type Resolve } from '../../src/webhooks/guard.ts'

const PUBLIC = { allowPrivate: false }
const PRIVATE = { allowPrivate: true }
const resolvesTo =
  (...addresses: string[]): Resolve =>
  () =>
    Promise.resolve(addresses)

describe('an address is public', () => {
  test.each(['1.1.1.1', '8.8.8.8', '100.63.255.255', '100.128.0.0', '172.15.255.255', '172.32.0.0'])(
    '%s',
    (address) => expect(isPublic(address)).toBe(true),
  )
  test.each([
    '192.0.1.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2001:200::1',
    '2606:4700::1111',
  ])('%s', (address) => expect(isPublic(address)).toBe(true))
})

// One address from the start and one from the end of each special-purpose range (IANA registries, RFC 6890).
describe('an address is not public', () => {
  test.each(
    `0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255
     169.254.0.0 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.1 192.0.0.255 192.0.2.1 192.31.196.1
     192.52.193.1 192.88.99.1 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1
     203.0.113.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255`.split(/\s+/),
  )('%s', (address) => expect(isPublic(address)).toBe(false))

  test.each(
    `:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1
     100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1::1 2001:2::1 2001:3::1 2001:10::1
     2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1
     4000::1 5f00::1 fc00::1 fd00::1 fe80::1 fe80::1%lo febf::1 fec0::1 ff02::1 ff0e::1`.split(/\s+/),
  )('%s', (address) => expect(isPublic(address)).toBe(false))

  test.each(['', 'localhost', '127.1', '0x7f000001', '8.8.8.8.8', '8.8.8.8 ', '2606:4700::1111::'])(
    'because it is none: "%s"',
    (text) => expect(isPublic(text)).toBe(false),
  )
})

describe('a receiver', () => {
  test.each(['https://r.example/hook', 'https://r.example:443/', 'https://r.example:8443/?a=b#c'])(
    '%s is taken with the addresses of its name',
    async (endpoint) => {
      const receiver = await checkReceiver(endpoint, PUBLIC, resolvesTo('9.9.9.9', '2620:fe::fe'))
      expect(receiver).toEqual({ url: new URL(endpoint), addresses: ['9.9.9.9', '2620:fe::fe'] })
    },
  )

  test('given as an address is taken without asking a name server', async () => {
    const resolve = jest.fn<Resolve>()
    expect(await checkReceiver('https://9.9.9.9/', PUBLIC, resolve)).toMatchObject({ addresses: ['9.9.9.9'] })
    const v6 = await checkReceiver('https://[2620:fe::fe]/', PUBLIC, resolve)
    expect(v6).toMatchObject({ addresses: ['2620:fe::fe'] })
    expect(resolve).not.toHaveBeenCalled()
  })

  test.each(['10.0.0.1', '9.9.9.9 127.0.0.1', '9.9.9.9 ::1', '2620:fe::fe fe80::1%lo'])(
    'whose name leads to %s is refused',
    async (addresses) => {
      const receiver = await checkReceiver('https://r.example/', PUBLIC, resolvesTo(...addresses.split(' ')))
      expect(receiver).toEqual({ refused: 'address' })
    },
  )

  test('whose name has no address rejects with the resolver’s word', async () => {
    const unknown = () => Promise.reject(new Error('ENOTFOUND'))
    await expect(checkReceiver('https://r.example/', PUBLIC, unknown)).rejects.toThrow('ENOTFOUND')
  })
})

describe('where the configuration allows private receivers', () => {
  test.each([
    ['http://127.0.0.1:3000/', '127.0.0.1'],
    ['https://[::1]:1/', '::1'],
    ['http://10.1.2.3/', '10.1.2.3'],
    ['http://172.20.0.5:8080/', '172.20.0.5'],
    ['http://192.168.1.9/', '192.168.1.9'],
    ['http://[fd12::1]/', 'fd12::1'],
    ['https://9.9.9.9:22/', '9.9.9.9'],
  ])('%s is taken', async (endpoint, address) => {
    expect(await checkReceiver(endpoint, PRIVATE)).toMatchObject({ addresses: [address] })
  })

  test('localhost is found without a name server', async () => {
    const receiver = await checkReceiver('http://localhost:3000/', PRIVATE)
    if ('refused' in receiver) throw new Error(receiver.refused)
    expect(receiver.addresses).not.toHaveLength(0)
    for (const address of receiver.addresses) expect(['127.0.0.1', '::1']).toContain(address)
  })

  test.each([
    ['http://169.254.169.254/latest/meta-data/', 'address'],
    ['http://[fe80::1]/', 'address'],
    ['http://0.0.0.0/', 'address'],
    ['http://[::]/', 'address'],
    ['http://[::ffff:127.0.0.1]/', 'address'],
    ['http://224.0.0.1/', 'address'],
    ['http://user:word@127.0.0.1/', 'credentials'],
    ['ftp://127.0.0.1/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['not a url', 'not a URL'],
  ])('%s is refused all the same', async (endpoint, refused) => {
    expect(await checkReceiver(endpoint, PRIVATE)).toEqual({ refused })
  })
})

describe('the pinned lookup', () => {
  const known = pinned(['9.9.9.9', '2620:fe::fe'])

  test('tells the checked addresses, whatever name it is asked for', () => {
    const done = jest.fn()
    known('elsewhere.example', { all: true }, done)
    expect(done).toHaveBeenCalledWith(null, [
      { address: '9.9.9.9', family: 4 },
      { address: '2620:fe::fe', family: 6 },
    ])
  })

  test('tells the first when one is wanted', () => {
    const done = jest.fn()
    known('r.example', {}, done)
    expect(done).toHaveBeenCalledWith(null, '9.9.9.9', 4)
  })

  test('fails when there is none', () => {
    const done = jest.fn()
    pinned([])('r.example', {}, done)
    expect(done).toHaveBeenCalledWith(expect.objectContaining({ message: 'no checked address' }), '')
  })
})
