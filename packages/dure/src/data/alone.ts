/** The inbox by itself, for an application with a database and transactions of its own. */
export { createInbox, inboxTable } from './inbox.ts'
export type { Inbox, InboxTransaction, Mark } from './inbox.ts'
export type { SqlRow } from './transaction.ts'
