/** A store: one service's database on PostgreSQL, and the sessions, errors and roles that its outbox shares with it. */
export { connect } from './connection.ts'
export { endsSession, explain, sqlState } from './errors.ts'
export { openStore } from './open-store.ts'
export { SERVER_TIME } from './own-tables.ts'
export { accessOf, addressOf, type Access, type Tenancy } from './provision.ts'
export { settingsOf, type Settings } from './session-settings.ts'
export type { Isolation } from './transactions.ts'
