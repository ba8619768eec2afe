{{- define "openpersonalize.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "openpersonalize.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
terminationGracePeriodSeconds: 15
volumes:
  - name: data
    persistentVolumeClaim: { claimName: {{ .Release.Name }}-data }
  {{- if .isServing }}
  - name: keys
    secret: { secretName: {{ .Values.credentialsSecret | quote }}, defaultMode: 0440 }
  {{- end }}
  - name: tmp
    emptyDir: {}
{{- end -}}

{{- define "openpersonalize.container" -}}
image: "{{ .Values.image.name }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: data, mountPath: /data }
  {{- if .isServing }}
  - { name: keys, mountPath: /keys, readOnly: true }
  {{- end }}
  - { name: tmp, mountPath: /tmp }
livenessProbe:
  httpGet: { path: /health/live, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: { path: /health/ready, port: admin }
  periodSeconds: 5
  timeoutSeconds: 5
startupProbe:
  httpGet: { path: /health/live, port: admin }
  periodSeconds: 2
  failureThreshold: 60
env:
  - { name: XDG_CACHE_HOME, value: /tmp }
  {{- if .isServing }}
  - { name: OPENPERSONALIZE_CREDENTIALS, value: /keys/keys.yaml }
  {{- end }}
  {{- if .Values.databaseSecret }}
  - name: DATABASE_URL
    valueFrom:
      secretKeyRef: { name: {{ .Values.databaseSecret | quote }}, key: url }
  {{- end }}
  {{- range $name, $value := .Values.environment }}
  - { name: {{ $name }}, value: {{ $value | quote }} }
  {{- end }}
{{- if .Values.s3Secret }}
envFrom:
  - secretRef: { name: {{ .Values.s3Secret | quote }} }
{{- end }}
{{- end -}}
