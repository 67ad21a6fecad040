import type { Dialect } from '../../engine/accounts.ts'
import type { DialectDoor } from '../door.ts'
import { callbackBody } from './greenpin/callbacks.ts'
import { greenpin } from './greenpin/greenpin.ts'
import { openapi } from './greenpin/openapi.ts'
import { openapi as stealthnetOpenapi } from './stealthnet/openapi.ts'
import { stealthnet } from './stealthnet/stealthnet.ts'

/** Every dialect that is spoken here. A new one is one line. */
export const dialects: Record<Dialect, DialectDoor> = {
  greenpin: { prefix: '/v1/tenants', router: greenpin, callbackBody, openapi },
  stealthnet: {
    prefix: '/simple-pins',
    router: stealthnet,
    callbackBody: () => undefined,
    openapi: stealthnetOpenapi,
  },
}
