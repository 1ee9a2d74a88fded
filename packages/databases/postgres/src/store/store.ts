/** A store: one service's database on PostgreSQL, and the sessions, errors and roles that its outbox shares with it. */
export { connect, type Connection } from './connection.ts'
export { endsSession, explain, sqlState } from './errors.ts'
export { openStore } from './open-store.ts'
export {
  accessOf,
  addressOf,
  ADMINISTERS,
  databaseOf,
  derivedPassword,
  foreign,
  grantConnect,
  markOf,
  notAdministered,
  PROVISIONING,
  roleName,
  type Access,
  type Tenancy,
} from './provision.ts'
export { settingsOf, type SessionConfig } from './session-settings.ts'
export type { Isolation } from './transactions.ts'
