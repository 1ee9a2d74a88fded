/** What a user has said and not yet done with, kept where every process finds it. */
export { createSessions, type Session, type SessionChange, type Sessions, type SessionsOptions } from './sessions.ts'
export type { NewSession, SessionStore, StoredSession, StoreChange } from './store.ts'
export { sqliteSessions, type SqliteSessionsOptions } from './sqlite/sqlite.ts'
export { sessionCookie, type SessionCookie, type SessionCookieOptions } from './cookie.ts'
