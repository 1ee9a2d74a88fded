/** What Dure's own doors share, whatever their protocol, and no promise to anybody else. */
export { Cancellation } from '../call/internal.ts'
export { declaredErrors, failureOf, type DeclaredErrors, type Failure } from './failure.ts'
export { admit, closeDoor, DOOR_LIMITS, DOOR_RANGES, openState, type DoorLimits, type OpenState } from './open-door.ts'
export {
  operationDoor,
  servedOperations,
  type DoorAnswer,
  type DoorRequest,
  type Gathered,
  type OperationDoor,
  type Served,
} from './operation.ts'
export { requestHeaders, statusOfHttp, type RequestHeaders } from './outgoing.ts'
export { Refusal } from './refusal.ts'
export { RequestTrace, traceRequest } from './span.ts'
export { CORRELATION_ID, correlationIdOf, IDEMPOTENCY_KEY, steeringOf, type Steering } from './steering.ts'
export { sendStream, type StreamSender } from './stream.ts'
export { hostOfEnvironment, portOfEnvironment } from './server/environment.ts'
export { readBody } from './server/body.ts'
export { hostsOf, pageHeaders, refuseForeign } from './server/browser.ts'
export { httpExchange, type HttpExchange } from './server/exchange.ts'
export { html, languageOf, type Html, type Language } from './server/html.ts'
export { sendWhole } from './server/send.ts'
export { openHttp, stopListening, type HttpDoor } from './server/http.ts'
export { openTcp, type TcpConnection, type TcpDoor } from './server/tcp.ts'
export { followCertificates, secureServer, type DoorTls, type SecureOptions, type SecureServer } from './server/tls.ts'
export { closeReason, originRefusal, refuseUpgrade, type Upgrade, type UpgradeRefusal } from './server/upgrade.ts'
export { fitsType, isObject, strictCheck, type StrictCheck } from './strict.ts'
