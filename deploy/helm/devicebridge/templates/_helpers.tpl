{{- define "devicebridge.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "devicebridge.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "devicebridge.labels" -}}
{{ include "devicebridge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "devicebridge.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* One variable whose value is a file of the Secret. */}}
{{- define "devicebridge.file" -}}
{{- if .key }}
- {name: {{ .variable }}, value: /etc/devicebridge/secrets/{{ .key }}}
{{- end }}
{{- end }}

{{/* A value of YAML as the bridge reads it. Helm keeps numbers as floating point, which it would write as 1e+10, and YAML
takes on and off for booleans. */}}
{{- define "devicebridge.text" -}}
{{- if kindIs "slice" .value }}
{{- $texts := list }}
{{- range .value }}{{ $texts = append $texts (include "devicebridge.text" (dict "name" $.name "value" .)) }}{{ end }}
{{- join "," $texts }}
{{- else if and (kindIs "bool" .value) (hasPrefix "BRIDGE_" .name) }}{{ ternary "on" "off" .value }}
{{- else if and (kindIs "float64" .value) (eq .value (floor .value)) }}{{ printf "%.0f" .value }}
{{- else }}{{ toString .value }}
{{- end }}
{{- end }}

{{/* Not empty where the bridge sends commands, and so has callbacks. */}}
{{- define "devicebridge.commands" -}}
{{- $set := get .Values.settings "BRIDGE_COMMANDS" }}
{{- if not (and (hasKey .Values.settings "BRIDGE_COMMANDS") (has (toString $set) (list "off" "false"))) }}yes{{ end }}
{{- end }}

{{/* Not empty where a Service names each pod: for a StatefulSet, and for what scrapes. */}}
{{- define "devicebridge.pods" -}}
{{- if or (eq .Values.mode "sidecar") .Values.serviceMonitor.enabled }}{{ printf "%s-pods" (include "devicebridge.name" . | trunc 58 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "devicebridge.env" -}}
{{- $keys := .Values.secret.keys -}}
{{- if include "devicebridge.commands" . }}
- {name: BRIDGE_PUBLIC_URL, value: {{ required "publicURL is missing: where Graph reaches the bridge, such as https://bridge.example.com; or set settings.BRIDGE_COMMANDS to off" .Values.publicURL | quote }}}
{{- end }}
- {name: BRIDGE_ADMIN_ADDR, value: ":8081"}
- {name: BRIDGE_DATA_DIR, value: /var/lib/devicebridge}
- {name: BRIDGE_DRAIN_TIMEOUT, value: {{ .Values.drainSeconds }}s}
- {name: BRIDGE_GRAPH_AUTH, value: {{ .Values.graph.auth }}}
{{- with .Values.graph.url }}
- {name: BRIDGE_GRAPH_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.graph.clientID }}
- {name: AZURE_CLIENT_ID, value: {{ . | quote }}}
{{- end }}
{{- with .Values.graph.tenantID }}
- {name: AZURE_TENANT_ID, value: {{ . | quote }}}
{{- end }}
{{- if include "devicebridge.commands" . }}
{{- if and (eq .Values.mode "cluster") (not $keys.callbackKeys) }}
{{- fail "secret.keys.callbackKeys is missing: in mode cluster every replica needs the same callback keys" }}
{{- end }}
{{- include "devicebridge.file" (dict "variable" "BRIDGE_CALLBACK_KEYS_FILE" "key" $keys.callbackKeys) }}
{{- end }}
{{- if has .Values.graph.auth (list "device-code" "browser") }}
{{- include "devicebridge.file" (dict "variable" "BRIDGE_SIGNIN_KEY_FILE" "key" $keys.signInKey) }}
{{- end }}
{{- include "devicebridge.file" (dict "variable" "BRIDGE_GRAPH_TOKEN_FILE" "key" $keys.graphToken) }}
{{- include "devicebridge.file" (dict "variable" "AZURE_CLIENT_SECRET_FILE" "key" $keys.clientSecret) }}
{{- include "devicebridge.file" (dict "variable" "AZURE_CLIENT_CERTIFICATE_PATH" "key" $keys.clientCertificate) }}
{{- if eq .Values.mode "cluster" }}
- {name: NATS_URL, value: {{ required "nats.url is missing: mode cluster needs the servers of a NATS cluster" .Values.nats.url | quote }}}
- {name: BRIDGE_NATS_REPLICAS, value: {{ .Values.nats.replicas | quote }}}
{{- include "devicebridge.file" (dict "variable" "NATS_CREDS" "key" $keys.natsCreds) }}
{{- include "devicebridge.file" (dict "variable" "NATS_CA" "key" $keys.natsCA) }}
{{- end }}
- {name: GOMEMLIMIT, value: {{ .Values.memoryTarget }}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ include "devicebridge.text" (dict "name" $name "value" $value) | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The bridge's container, the same in both modes. */}}
{{- define "devicebridge.container" -}}
name: devicebridge
image: {{ include "devicebridge.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "devicebridge.env" . | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if include "devicebridge.commands" . }}
  - {name: postbacks, containerPort: 8080}
  {{- end }}
  - {name: admin, containerPort: 8081}
startupProbe:
  {{- if eq .Values.mode "cluster" }}
  # It answers before NATS does: waiting for NATS is no reason to start it anew.
  httpGet: {path: /livez, port: admin}
  {{- else }}
  # The application waits until the NATS server inside is there, which may read a large store first.
  httpGet: {path: /readyz, port: admin}
  {{- end }}
  periodSeconds: 2
  failureThreshold: 150
# It answers, so it lives. NATS or Graph in trouble is no reason to start it anew.
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: data, mountPath: /var/lib/devicebridge}
  - {name: secrets, mountPath: /etc/devicebridge/secrets, readOnly: true}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "devicebridge.podMetadata" -}}
annotations:
  {{- toYaml .Values.podAnnotations | nindent 2 }}
labels:
  {{- include "devicebridge.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What the pods of both modes have in common. */}}
{{- define "devicebridge.pod" -}}
serviceAccountName: {{ include "devicebridge.name" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
# So that a Service called "bridge" puts no BRIDGE_* variables here.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "devicebridge.volumes" -}}
- name: secrets
  secret: {secretName: {{ .Values.secret.name }}, defaultMode: 0440}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
