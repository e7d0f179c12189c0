{{- define "tokenshare.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tokenshare.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tokenshare.secret" -}}
{{- default (include "tokenshare.fullname" .) .Values.secret.name -}}
{{- end -}}

{{/* The two that follow take (list root component). */}}
{{- define "tokenshare.selector" -}}
app.kubernetes.io/name: tokenshare
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "tokenshare.labels" -}}
{{ include "tokenshare.selector" . }}
{{- with index . 0 }}
app.kubernetes.io/part-of: tokenshare
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
{{- end -}}

{{/* A variable whose value is in the Secret: (list root variable key isOptional). */}}
{{- define "tokenshare.fromSecret" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "tokenshare.secret" (index . 0) }}
      key: {{ index . 2 }}
{{- if index . 3 }}
      optional: true
{{- end }}
{{- end -}}

{{- define "tokenshare.commonEnv" -}}
{{ include "tokenshare.fromSecret" (list . "TOKENSHARE_TENANT_SALT" .Values.secret.keys.tenantSalt false) }}
{{ include "tokenshare.fromSecret" (list . "TOKENSHARE_SASL_PASSWORD" .Values.secret.keys.saslPassword true) }}
{{- range $name, $key := .Values.secretSettings }}
{{ include "tokenshare.fromSecret" (list $ $name $key false) }}
{{- end }}
{{- end -}}

{{/* What a pod of ours is, whichever it is: (list root component values). */}}
{{- define "tokenshare.podMetadata" -}}
labels:
  {{- include "tokenshare.labels" . | nindent 2 }}
annotations:
  # Other settings restart the pods, one by one.
  checksum/settings: {{ include "tokenshare.settings" (index . 0) | sha256sum }}
  {{- with (index . 2).podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "tokenshare.podCommon" -}}
automountServiceAccountToken: false
# Else Kubernetes sets TOKENSHARE_BRIDGE_PORT=tcp://… for a service of that name, which is a setting.
enableServiceLinks: false
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with (index . 0).Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with index . 2 }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "tokenshare.spread" -}}
- maxSkew: 1
  topologyKey: {{ index . 2 }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "tokenshare.selector" . | nindent 6 }}
  matchLabelKeys:
    - pod-template-hash
{{- end -}}

{{- define "tokenshare.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- define "tokenshare.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.kafka.tls.secretName }}
- name: tls
  mountPath: /etc/tokenshare/tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "tokenshare.volumes" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- with .Values.kafka.tls.secretName }}
- name: tls
  secret:
    secretName: {{ . }}
{{- end }}
{{- end -}}

{{- define "tokenshare.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "tokenshare.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "tokenshare.labels" . | nindent 4 }}
spec:
  # A node is drained one pod at a time; one that is not ready anyway does not hold it up.
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "tokenshare.selector" . | nindent 6 }}
{{- end -}}

{{- define "tokenshare.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "tokenshare.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "tokenshare.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "tokenshare.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ index . 2 }}
      targetPort: http
      appProtocol: http
{{- end -}}

{{/* Text with our links in the place of the placeholders: (list root text). */}}
{{- define "tokenshare.linked" -}}
{{- $links := (index . 0).Values.links -}}
{{- index . 1 | replace "http://127.0.0.1:6066" $links.page | replace "runbook_url: deploy/runbook.md" (printf "runbook_url: %s" $links.runbook) | replace "https://example.com/runbook.md" (ternary "https://example.com/runbook.md" $links.runbook (eq $links.runbook "deploy/runbook.md")) -}}
{{- end -}}

{{- define "tokenshare.settings" -}}
{{- $page := printf "%s-worker" (include "tokenshare.fullname" .) -}}
{{- $hosts := list $page (printf "%s.%s" $page .Release.Namespace) (printf "%s.%s.svc" $page .Release.Namespace) (printf "%s.%s.svc.cluster.local" $page .Release.Namespace) -}}
{{- with .Values.kafka -}}
TOKENSHARE_BOOTSTRAP_SERVERS: {{ required "kafka.bootstrapServers is required: host:port, separated by commas" .bootstrapServers | quote }}
TOKENSHARE_TOPIC: {{ .topic | quote }}
TOKENSHARE_CREATE_TOPICS: {{ .createTopics | quote }}
TOKENSHARE_SECURITY_PROTOCOL: {{ .securityProtocol | quote }}
{{- with .sasl.mechanism }}
TOKENSHARE_SASL_MECHANISM: {{ . | quote }}
{{- end }}
{{- with .sasl.username }}
TOKENSHARE_SASL_USERNAME: {{ . | quote }}
{{- end }}
{{- with .tls }}
{{- if .secretName }}
{{- with .ca }}
TOKENSHARE_SSL_CA_FILE: /etc/tokenshare/tls/{{ . }}
{{- end }}
{{- with .cert }}
TOKENSHARE_SSL_CERT_FILE: /etc/tokenshare/tls/{{ . }}
{{- end }}
{{- with .key }}
TOKENSHARE_SSL_KEY_FILE: /etc/tokenshare/tls/{{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
# Probes and a ServiceMonitor ask by address.
TOKENSHARE_WEB_HOSTS: {{ concat $hosts .Values.worker.hosts | join "," | quote }}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end -}}
