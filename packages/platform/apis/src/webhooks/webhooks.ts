/** Events of products that are sent to addresses of subscribers. */
export { deliveries, enqueue, type WebhookOptions } from './deliver.ts'
export { addWebhook, endWebhooks, listDeliveries, listWebhooks, redeliver, removeWebhook } from './addresses.ts'
export { webhook, type OfferedEvent } from './offer.ts'
export { verifyWebhook, type WebhookGiven, type WebhookVerified } from './signature.ts'
