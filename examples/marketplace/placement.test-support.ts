import type { System } from 'dure/service'
import { fakeProvider } from './shop.test-support.ts'
import { marketplace } from './system.ts'

/** The marketplace with a payment provider that is never away: loaded by this name in other processes as well. */
export const shop = (): System => marketplace({ provider: fakeProvider() })
