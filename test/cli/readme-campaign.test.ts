import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation } from './command.ts'
import { keyboard, word, type Keyboard } from './readme.ts'

let pinbridge: Installation
let readme: Keyboard

beforeEach(async () => {
  pinbridge = installation()
  readme = keyboard('campaign', pinbridge, await pinbridge.serve())
}, SLOW_MS)
afterEach(async () => {
  await pinbridge.close()
  readme.close()
})

test(
  'a subscription from nothing, as the README says',
  async () => {
    const { titles, keyed } = readme
    expect(titles).toEqual(['set-up', 'client', 'pin', 'operator'])
    const setUp = await keyed(['set-up'])
    const ACCOUNT_ID = word(setUp, 'Mobivate account_id')
    expect(word(setUp, 'first')).toBe('POST')
    expect(setUp).toMatch(/\/subscriptions\/v1\/club-news\/initiate\n/)

    const initiated = JSON.parse(await keyed(['client'], { ACCOUNT_ID })) as Record<string, unknown>
    expect(initiated).toMatchObject({ state: 'pending_pin', error: null, campaign_name: 'Club news' })
    const found = await pinbridge.store().findSubscription('club-news', '+4917712345678')
    const PIN = found!.subscription.pin!.digits
    const validated = await keyed(['client', 'pin'], { ACCOUNT_ID, PIN })
    expect(JSON.parse(validated)).toEqual({
      ...{ authenticated: true, valid_msisdn: true, valid_campaign: true, campaign_status: 'active' },
      ...{ campaign_name: 'Club news', campaign_service: '12345', state: 'subscribed', error: null },
      reference: `AP:${found!.subscription.id}`,
    })

    const operator = await keyed(['operator'])
    expect(operator).toMatch(/\nnumbers +0 pending_pin, 1 subscribed, 0 unsubscribed\n/)
    expect(operator).toMatch(/\nPINs +5 digits, good for 15 min and 5 attempts\n/)
    expect(operator).toMatch(/account_id 43e36f54eef111e270639871000000f1 signs with this secret key:\n/)
    expect(operator).toMatch(/\nsignatures +with the secret key only\nPINs a day +1000\n/)
    expect(operator).toMatch(/\nstatus +paused\n/)
    // From here on the one that is made of names alone is of no use.
    const refused = JSON.parse(await keyed(['client', 'pin'], { ACCOUNT_ID, PIN })) as unknown
    expect(refused).toMatchObject({ authenticated: false })
  },
  SLOW_MS,
)
