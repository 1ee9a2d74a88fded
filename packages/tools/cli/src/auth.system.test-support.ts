/** An authorization server by itself, as its guide has it: its door, and the one service that keeps the audit log. */
import { generateKeyPairSync } from 'node:crypto'
import { auth } from '@dure/auth'
import { auditLog } from 'dure/audit'
import { contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'

const trail = auditLog('tests/login', { key: generateKeyPairSync('ed25519').privateKey })
const Trail = contract('trail', { version: '1.0.0', owner: 'tests', operations: {} })

const login: System = system('login', {
  services: [service(Trail, { database: database({ migrations: {} }), extensions: [trail], handlers: {} })],
  doors: [
    auth({
      ...{ port: 0, audience: 'shop', scopes: { 'orders:read': 'See your orders' } },
      clients: [{ id: 'web', redirectUris: ['https://shop.example/callback'], scopes: ['orders:read'] }],
    }),
  ],
  audit: trail,
  telemetry: false,
})
export default login
