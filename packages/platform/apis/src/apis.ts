/** API management: who may call which APIs of a system, how often, and who has. */
export { Apis } from './contract.ts'
export { apisService, type ApisServiceOptions } from './service.ts'
export {
  verifyWebhook,
  webhook,
  type OfferedEvent,
  type WebhookGiven,
  type WebhookOptions,
  type WebhookVerified,
} from './webhooks/webhooks.ts'
export { managed, type ManagedOptions } from './managed/managed.ts'
