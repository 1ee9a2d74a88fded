/** What a platform invokes a function with, by what it is. */
export type LambdaEvent =
  | { readonly kind: 'http'; readonly event: HttpEvent }
  | { readonly kind: 'queue'; readonly records: readonly QueueRecord[] }
  | { readonly kind: 'cloudevent'; readonly event: object }
  | { readonly kind: 'schedule' }

/** Format 2.0 of API Gateway, which function URLs have as well. */
export type HttpEvent = {
  readonly version: '2.0'
  readonly rawPath: string
  readonly rawQueryString?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly string[]
  readonly body?: string
  readonly isBase64Encoded?: boolean
  readonly requestContext: { readonly stage?: string; readonly http: { readonly method: string } }
}

/** A message of SQS. */
export type QueueRecord = {
  readonly messageId: string
  readonly body: string
  readonly attributes?: { readonly SentTimestamp?: string; readonly MessageGroupId?: string }
  readonly eventSourceARN?: string
}

/** @throws {TypeError} for what is none of them */
export function eventOf(event: unknown): LambdaEvent {
  if (isObject(event)) {
    const { version, requestContext, Records: records } = event
    if (isHttp(version, requestContext, event)) return { kind: 'http', event: event as HttpEvent }
    if (Array.isArray(records) && records.length > 0 && records.every(isQueueRecord)) return { kind: 'queue', records }
    if (typeof event['specversion'] === 'string') return { kind: 'cloudevent', event }
    if (event['detail-type'] === 'Scheduled Event') return { kind: 'schedule' }
  }
  throw new TypeError(
    'Cannot tell what the function was invoked with: it answers requests of API Gateway (format 2.0) and function URLs, batches of SQS, events in the JSON format of CloudEvents, and events of a schedule ("detail-type": "Scheduled Event")',
  )
}

function isHttp(version: unknown, context: unknown, { rawPath }: Readonly<Record<string, unknown>>): boolean {
  if (version !== '2.0' || !isObject(context) || !isObject(context['http'])) return false
  return typeof context['http']['method'] === 'string' && typeof rawPath === 'string'
}

function isQueueRecord(record: unknown): record is QueueRecord {
  return (
    isObject(record) &&
    record['eventSource'] === 'aws:sqs' &&
    typeof record['messageId'] === 'string' &&
    typeof record['body'] === 'string'
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
