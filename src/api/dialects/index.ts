import type { Dialect } from '../../engine/accounts.ts'
import type { Event } from '../../engine/events.ts'
import type { DialectDoor } from '../door.ts'
import type { Links } from '../links.ts'
import { callbackBody as smsBody, fortyTwoCom } from './42com/42com.ts'
import { openapi as fortyTwoComOpenapi } from './42com/openapi.ts'
import { callbackBody } from './greenpin/callbacks.ts'
import { greenpin } from './greenpin/greenpin.ts'
import { openapi } from './greenpin/openapi.ts'
import { mobivate } from './mobivate/mobivate.ts'
import { openapi as mobivateOpenapi } from './mobivate/openapi.ts'
import { mor } from './mor/mor.ts'
import { openapi as morOpenapi } from './mor/openapi.ts'
import { openapi as stealthnetOpenapi } from './stealthnet/openapi.ts'
import { stealthnet } from './stealthnet/stealthnet.ts'

const tellsNothing = () => undefined

/** Every dialect that is spoken here. A new one is one line. */
export const dialects: Record<Dialect, DialectDoor> = {
  greenpin: { prefix: '/v1/tenants', router: greenpin, callbackBody, openapi },
  stealthnet: {
    prefix: '/simple-pins',
    router: stealthnet,
    callbackBody: tellsNothing,
    openapi: stealthnetOpenapi,
  },
  '42com': { prefix: '/api/rest', router: fortyTwoCom, callbackBody: smsBody, openapi: fortyTwoComOpenapi },
  // Its clients look for it below either. The longer path first: /api is the shorter path of others too.
  mor: { prefix: ['/billing/api', '/api'], router: mor, callbackBody: tellsNothing, openapi: morOpenapi },
  mobivate: {
    prefix: '/subscriptions',
    router: mobivate,
    callbackBody: tellsNothing,
    openapi: mobivateOpenapi,
  },
}

/** What the account's receiver gets of an event: in the words of the one dialect that tells it. */
export function bodyOf(event: Event, links: Links): object | undefined {
  for (const { callbackBody: tell } of Object.values(dialects)) {
    const body = tell(event, links)
    if (body !== undefined) return body
  }
  return undefined
}
