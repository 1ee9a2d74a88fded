import { partOf } from '../contract/internal.ts'

/**
 * A member rejects a batch with this when it meets a message of a later version than its release knows: no fault of the message,
 * which another member may know. The broker gives the partition to another one, where there is one; the batch comes again.
 */
export class NewerMessageError extends Error {
  override readonly name = 'NewerMessageError'
}

/**
 * Whether a member has rejected a batch because it is of a later release: another member is to have the partition. Also of an error
 * that came from another process.
 */
export const isNewerMessage = (error: unknown): boolean => partOf(error, 'name') === 'NewerMessageError'
