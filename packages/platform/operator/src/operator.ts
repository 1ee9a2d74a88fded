/**
 * What an operator asks of a running system, or does to it, as contracts: the command line, an HTTP API, MCP tools and the pages of a
 * console are all drawn from them.
 */
export {
  operatorPart,
  type OperatorAct,
  type OperatorCaller,
  type OperatorContext,
  type OperatorContract,
  type OperatorHandlers,
  type OperatorHost,
  type OperatorOperation,
  type OperatorPart,
  type OperatorRole,
  type OperatorRule,
} from './part.ts'
export { openOperator, type Operator, type OperatorRequest } from './open.ts'
export { operatorRoutes, type AuthenticateOperator, type OperatorRoutes } from './routes.ts'
export { operatorClient, type AskOptions, type OperatorClient, type OperatorClientOptions } from './client.ts'
export { operatorParts } from './parts.ts'
export { routesPart, type AskedGateway } from './parts/routes.ts'
export { sessionsPart } from './parts/sessions.ts'
