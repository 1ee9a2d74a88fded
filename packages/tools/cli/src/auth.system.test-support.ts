/** A system in which people log in, and which keeps an audit of what is done to them. */
import { generateKeyPairSync } from 'node:crypto'
import { auth } from '@dure/auth'
import { auditLog } from 'dure/audit'
import { contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'

const trail = auditLog('tests/shop', { key: generateKeyPairSync('ed25519').privateKey })
const Books = contract('books', { version: '1.0.0', owner: 'tests', operations: {} })

const shop: System = system('shop', {
  services: [service(Books, { database: database({ migrations: {} }), extensions: [trail], handlers: {} })],
  doors: [
    auth({
      ...{ port: 0, audience: 'shop', scopes: { 'orders:read': 'See your orders' } },
      clients: [{ id: 'web', redirectUris: ['https://shop.example/callback'], scopes: ['orders:read'] }],
    }),
  ],
  audit: trail,
  telemetry: false,
})
export default shop
