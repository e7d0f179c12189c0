// Sends API Management's logs of requests to models to an event hub. The policy or the API has to log
// tokens: in the portal APIs > All APIs > Settings > Azure Monitor > Log LLM messages, or below.
param service string // the API Management instance
param namespace string // the Event Hubs namespace
param eventHub string = 'llm-usage' // TOKENSHARE_TOPIC

resource apim 'Microsoft.ApiManagement/service@2024-06-01-preview' existing = {
  name: service
}

resource rule 'Microsoft.EventHub/namespaces/authorizationRules@2024-01-01' existing = {
  name: '${namespace}/RootManageSharedAccessKey'
}

resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'tokenshare'
  scope: apim
  properties: {
    eventHubAuthorizationRuleId: rule.id
    eventHubName: eventHub
    logs: [
      {
        category: 'GatewayLlmLogs'
        enabled: true
      }
    ]
  }
}

// Tokens and model of each request; no prompts and no answers.
resource monitor 'Microsoft.ApiManagement/service/diagnostics@2024-06-01-preview' = {
  parent: apim
  name: 'azuremonitor'
  properties: {
    loggerId: '${apim.id}/loggers/azuremonitor'
    largeLanguageModel: {
      logs: 'enabled'
    }
  }
}
