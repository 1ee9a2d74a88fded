/** What Dure's own rooms and packages share of `service`, and no promise to anybody else. */
export { socketName } from './sockets.ts'
export { narrowing, offeredIn, type Narrow } from './context.ts'
export type { ExtensionHost, ExtensionKind, OpenExtension, Requesting } from './definition.ts'
export { plainSchema } from './plain-schema.ts'
export { heldKey, preparedKey, preparedKeys } from './prepared-keys.ts'
export { checkReplyTo, readReply, replyOn, type ReplyBody } from './requests.ts'
